"""network-policy: enforces NetworkPolicies, which flannel alone ignores."""

from __future__ import annotations

from kubeup.addons.base import Addon, AddonImage, Serves
from kubeup.model.cluster import Program

KUBE_NETWORK_POLICIES = Program("kube_network_policies", "1.1.2")
IMAGE = AddonImage("kube-network-policies", "registry.k8s.io/networking/kube-network-policies", KUBE_NETWORK_POLICIES)
ADDON = Addon(
    name="network-policy",
    summary="enforces NetworkPolicies, which flannel alone ignores",
    runs="kube-network-policies",
    images=(IMAGE,),
    known_as=("networkpolicy", "netpol"),
    serves=(Serves.NETWORK_POLICY,),
    daemonset="network-policies",
)
