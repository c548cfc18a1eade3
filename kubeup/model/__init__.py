"""Values that everything speaks of; no behaviour that needs a node."""
