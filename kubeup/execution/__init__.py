"""A plan carried out on many nodes at once: one thread a node, all else single-threaded."""
