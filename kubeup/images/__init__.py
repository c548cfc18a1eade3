"""Images as values: their names, archives read and written, and why a pull failed."""
