"""network-policy: enforces NetworkPolicies, which flannel alone ignores."""

from __future__ import annotations

from kubeup.addons.base import Addon, Serves

ADDON = Addon(
    name="network-policy",
    summary="enforces NetworkPolicies, which flannel alone ignores",
    runs="kube-network-policies",
    version="kube_network_policies",
    known_as=("networkpolicy", "netpol"),
    serves=(Serves.NETWORK_POLICY,),
    daemonset="network-policies",
)
