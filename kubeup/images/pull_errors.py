"""Why an image does not come to a node: from what kubelet, containerd or Docker say to a cause and what to do.

What they say was seen, or is in their sources: containerd core/remotes/docker, Go's net and crypto/x509, moby registry.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from kubeup.images.names import parse


@dataclass(frozen=True)
class Cause:
    """reason: in plain words. fix: what to type or to write."""

    reason: str
    fix: str


BRING = "kubeup images push ARCHIVE, or kubeup images pull {image} where a machine of yours reaches it"
TABLE: tuple[tuple[str, str, str], ...] = (
    (
        r"no such host|server misbehaving|Temporary failure in name resolution|lookup \S+ on \S+: read udp",
        "the node cannot resolve {host}",
        "mend the node's DNS, or bring the image without a registry: " + BRING,
    ),
    (
        r"proxyconnect tcp.*(refused|no route|timeout)",
        "the proxy refused, or is not there",
        "see `proxy:` in the profile: does that address answer from the node?",
    ),
    (
        r"proxyconnect tcp.*(407|authentication required)|Proxy Authentication Required",
        "the proxy wants a user and a password",
        "write them into `proxy:` of the profile, http://USER:PASSWORD@HOST:PORT",
    ),
    (
        r"signed by unknown authority|certificate is not trusted|x509: certificate has expired|"
        r"certificate is valid for|doesn't contain any IP SANs|not valid for any names",
        "the certificate of {host} is not one that the node trusts",
        "registry_ca: {{{host}: ca.pem}} in the profile",
    ),
    (
        r"server gave HTTP response to HTTPS client|first record does not look like a TLS handshake",
        "{host} speaks plain http",
        "insecure_registries: [{host}] in the profile",
    ),
    (
        r"toomanyrequests|429 Too Many Requests|rate limit",
        "{host} lets nobody pull so often",
        "registry_auth: {{{host}: login.txt}} or a mirror (registry_mirrors) in the profile; or " + BRING,
    ),
    (
        r"unauthorized|authentication required|401 Unauthorized|no basic auth credentials|403 Forbidden|denied",
        "{host} wants a login, or has no such image for this one",
        "registry_auth: {{{host}: login.txt}} in the profile",
    ),
    (
        r"no match for platform|no matching manifest|exec format error",
        "there is no image for the node's architecture",
        "build it for that architecture, or keep the pod on nodes that fit (nodeSelector)",
    ),
    (r"connection refused", "{host} refuses connections", "is the registry running, and on that port? Or: " + BRING),
    (
        r"not found|manifest unknown|MANIFEST_UNKNOWN|name unknown|404 Not Found|does not exist",
        "{host} has no {image}",
        "is the name right, and the tag there? If it is only on your machine: " + BRING,
    ),
    (r"no space left on device", "the node's disk is full", "make room on the node (its images: /var/lib)"),
    (
        r"i/o timeout|deadline exceeded|TLS handshake timeout|no route to host|network is unreachable|context canceled|"
        r"connection reset|EOF",
        "the node cannot reach {host}",
        "a proxy (proxy:) or a mirror (registry_mirrors) in the profile, or bring it without a registry: " + BRING,
    ),
    (
        r"not present with pull policy of Never|ErrImageNeverPull",
        "the node has no such image, and must not pull it",
        "kubeup images push ARCHIVE",
    ),
    (
        r"invalid reference format|InvalidImageName|couldn't parse image",
        "`{image}` is not the name of an image",
        "write it like registry.example.com/app:1",
    ),
)


def explain(message: str, image: str) -> Cause:
    """The root cause in a message about an image that could not be pulled."""
    name = parse(image)
    host = name.host if name else image.partition("/")[0]
    for pattern, reason, fix in TABLE:
        if re.search(pattern, message, re.IGNORECASE):
            return Cause(reason.format(host=host, image=image), fix.format(host=host, image=image))
    return Cause("it could not be pulled", BRING.format(image=image))


def plain(text: str) -> str:
    """A message that Go quoted (%q), as people read it, in one line."""
    try:
        found = json.loads(text) if text.startswith('"') else text
    except json.JSONDecodeError:
        found = text.strip('"')
    return " ".join(str(found).split())
