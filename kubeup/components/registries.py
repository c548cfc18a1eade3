"""How a node's container runtime reaches image registries: mirrors, plain http, certificates, a proxy, logins.

containerd reads a folder a registry with every pull (https://github.com/containerd/containerd/blob/main/docs/hosts.md),
so that a change restarts nothing. Logins are kubelet's: it reads config.json with every pull, for any runtime
(https://kubernetes.io/docs/concepts/containers/images/#config-json).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from kubeup.components import proxy
from kubeup.components.base import Context
from kubeup.model.cluster import Registries
from kubeup.model.resources import File

FOLDER = "/etc/kubeup/certs.d"
PROXY = "/etc/kubeup/containerd-proxy.env"
LOGINS = "/var/lib/kubelet/config.json"
SERVERS = {"docker.io": "https://registry-1.docker.io"}
"""Where a registry's name is not where it answers."""


def containerd_files(context: Context) -> tuple[File, ...]:
    """hosts.toml and ca.crt per registry, read with every pull, and the proxy's variables."""
    registries = context.cluster.registries
    names = sorted({*registries.mirrors, *registries.insecure, *registries.ca})
    files = [
        File(f"{FOLDER}/{name}/hosts.toml", _hosts(name, registries).encode(), read_at_start=False) for name in names
    ]
    files += [
        File(f"{FOLDER}/{name}/ca.crt", text.encode(), read_at_start=False)
        for name, text in sorted(registries.ca.items())
    ]
    if context.cluster.proxy.http or context.cluster.proxy.https:
        files.append(proxy.environment(PROXY, context.cluster, context.facts))
    return tuple(files)


def kubelet_files(context: Context) -> tuple[File, ...]:
    logins = context.cluster.registries.logins
    if not logins:
        return ()
    auths = {host: {"auth": base64.b64encode(login.encode()).decode()} for host, login in sorted(logins.items())}
    text = json.dumps({"auths": auths}, indent=2) + "\n"
    return (File(LOGINS, text.encode(), mode=0o600, secret=True, read_at_start=False),)


def _hosts(name: str, registries: Registries) -> str:
    """Mirrors first, in their order, then the registry itself."""
    lines = ["# Written by kubeup."]
    plain = name in registries.insecure
    lines.append(f'server = "{"http" if plain else "https"}://{name}"' if name not in SERVERS else _server(name))
    for mirror in registries.mirrors.get(name, ()):
        lines += _host(mirror, registries)
    if plain:
        # A certificate that nobody checks, or none at all: the server line is the second try.
        lines += _host(f"https://{name}", registries)
    elif name in registries.ca:
        lines += _host(f"https://{name}", registries)
    return "\n".join(lines) + "\n"


def _server(name: str) -> str:
    return f'server = "{SERVERS[name]}"'


def _host(url: str, registries: Registries) -> Iterator[str]:
    parts = urlsplit(url)
    yield ""
    yield f'[host."{url.rstrip("/")}"]'
    yield '  capabilities = ["pull", "resolve"]'
    if parts.path.startswith("/v2"):
        yield "  override_path = true"
    if parts.netloc in registries.ca:
        yield f'  ca = "{FOLDER}/{parts.netloc}/ca.crt"'
    if parts.scheme == "https" and parts.netloc in registries.insecure:
        yield "  skip_verify = true"
