"""load-balancer: addresses for Services of ``type: LoadBalancer``, by MetalLB in layer 2 mode."""

from __future__ import annotations

from kubeup.addons.base import Addon

ADDON = Addon(
    name="load-balancer",
    summary="addresses for Services of type LoadBalancer (layer 2)",
    runs="MetalLB",
    version="metallb",
    known_as=("metallb", "loadbalancer"),
    remark="needs load_balancer_addresses in the profile",
)
