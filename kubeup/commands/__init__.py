"""What commands do, one file a use case: up, down, addons. Each reads like its own summary."""
