"""The conversation with many nodes: the only place with threads."""
