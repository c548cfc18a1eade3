"""Certificates: which there should be, how one is issued, where each is. Pure, but for the operator's kubeconfig."""
