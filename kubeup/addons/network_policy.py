"""network-policy: enforces NetworkPolicies, which flannel alone ignores."""

from __future__ import annotations

from kubeup.addons.base import Addon

ADDON = Addon(
    name="network-policy",
    summary="enforces NetworkPolicies, which flannel alone ignores",
    runs="kube-network-policies",
    version="kube_network_policies",
    known_as=("networkpolicy", "netpol"),
)
