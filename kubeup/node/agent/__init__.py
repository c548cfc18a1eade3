"""What runs on the node: shell scripts, and the readers of what they print."""
