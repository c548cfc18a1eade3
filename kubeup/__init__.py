"""kubeup: a Kubernetes cluster on your own Ubuntu or Debian machines, over SSH, and back."""

__version__ = "0.1.0"
