"""The truth about a running cluster: what its components say, and whether pods, services, exec and logs work."""
