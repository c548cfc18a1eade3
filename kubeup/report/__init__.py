"""All that a person or a script sees. The only importer of rich."""
