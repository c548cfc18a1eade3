"""Nodes on this machine by systemd-nspawn: real systemd, sshd, network and kernel view; real enough for Kubernetes."""
