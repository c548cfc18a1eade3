"""Commands, their options and exit codes: the only importer of click. table.py has them all, one a line."""
