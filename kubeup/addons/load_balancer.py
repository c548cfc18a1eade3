"""load-balancer: addresses for Services of ``type: LoadBalancer``, by MetalLB in layer 2 mode."""

from __future__ import annotations

from kubeup.addons.base import Addon, AddonImage, Need, Serves
from kubeup.model.cluster import Program

METALLB = Program("metallb", "0.16.2")
IMAGES = (
    AddonImage("metallb-controller", "quay.io/metallb/controller", METALLB, "metallb"),
    AddonImage("metallb-speaker", "quay.io/metallb/speaker", METALLB, "metallb"),
)
ADDRESSES = Need(
    key="load_balancer_addresses",
    what="addresses of the machines' network that nobody uses",
    form="[FIRST-LAST]",
    example="[192.168.200.240-192.168.200.250]",
    values=lambda cluster: cluster.load_balancer_addresses,
)
ADDON = Addon(
    name="load-balancer",
    summary="addresses for Services of type LoadBalancer (layer 2)",
    runs="MetalLB",
    images=IMAGES,
    known_as=("metallb", "loadbalancer"),
    remark="needs load_balancer_addresses in the profile",
    needs=(ADDRESSES,),
    # What its speakers report, and the secret by which they know each other.
    makes=(
        "servicel2statuses.metallb.io",
        "servicebgpstatuses.metallb.io",
        "configurationstates.metallb.io",
        "secret/memberlist",
    ),
    serves=(Serves.LOAD_BALANCER,),
    daemonset="speaker",
    supply="ipaddresspools.metallb.io",
)
