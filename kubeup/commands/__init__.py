"""One file a use case: each reads like its own summary."""
