"""Commands, their options and exit codes: the only importer of click."""
