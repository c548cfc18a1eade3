"""network-policy: enforces NetworkPolicies, which flannel alone ignores."""

from __future__ import annotations

from kubeup.addons.base import Addon, Serves
from kubeup.release.addon_images import KUBE_NETWORK_POLICIES

ADDON = Addon(
    name="network-policy",
    summary="enforces NetworkPolicies, which flannel alone ignores",
    runs="kube-network-policies",
    program=KUBE_NETWORK_POLICIES,
    known_as=("networkpolicy", "netpol"),
    serves=(Serves.NETWORK_POLICY,),
    daemonset="network-policies",
)
