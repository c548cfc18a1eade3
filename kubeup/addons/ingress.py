"""ingress: HTTP by host and path on ports 80 and 443 of the nodes; Ingress v1 and Gateway API, by Contour and Envoy."""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.addons.base import Addon, AddonImage, replicas
from kubeup.model.cluster import Cluster, Program, Value

CONTOUR = Program("contour", "1.33.8")
ENVOY = Program("envoy", "1.38.9")
"""Contour's own pair: https://projectcontour.io/resources/compatibility-matrix/"""
IMAGES = (
    AddonImage("contour", "ghcr.io/projectcontour/contour", CONTOUR, "contour"),
    AddonImage("envoy", "docker.io/envoyproxy/envoy", ENVOY, "envoy", tag="distroless-v{v}"),
)


def values(cluster: Cluster) -> Mapping[str, Value]:
    version = cluster.versions.of(CONTOUR)
    return {"contour_replicas": replicas(cluster), "contour_version": version}


def hint(cluster: Cluster) -> str:
    first = cluster.ingress_nodes[0] if cluster.ingress_nodes else ""
    address = next((node.address for node in cluster.workers if first in ("", node.name)), "")
    return f"curl -H 'Host: foo.bar.com' http://{address}/"


ADDON = Addon(
    name="ingress",
    summary="HTTP by host and path, ports 80 and 443 of the nodes",
    runs="Contour and Envoy",
    images=IMAGES,
    values=values,
    known_as=("contour", "ingress-nginx", "nginx", "gateway"),
    # versions.yaml of the release; ingress-nginx: https://github.com/kubernetes/ingress-nginx, archived in 2026.
    remark="upstream lists Kubernetes 1.32 to 1.34 for Contour 1.33, its newest; ingress-nginx is archived upstream",
    hint=hint,
    # Its job makes the certificates by which Contour and Envoy know each other.
    makes=("secret/contourcert", "secret/envoycert"),
)
