"""Image archives and names, and why a pull failed."""
