"""The registries: who asks for a token, and where each sends those who want manifests and blobs.

* registry.k8s.io sends manifests on to an Artifact Registry and blobs to a bucket, 307; /v2/ asks for a token that
  nobody needs: kubernetes/registry.k8s.io cmd/archeio/internal/app/handlers.go, and kubernetes/registry.k8s.io#116 (a
  transcript).
* Docker Hub: docs.docker.com/reference/api/registry/auth (auth.docker.io, service registry.docker.io),
  docs.docker.com/desktop/setup/allow-list and huangzheng2016/TheOnlyMirror#5 (the CDN hosts of today).
* quay.io: GoogleContainerTools/skaffold#7048 (the challenge, a transcript); Red Hat's table of what a firewall opens,
  and kubevirt's build logs (cdn01.quay.io/quayio-production-s3/sha256/...). A token is asked for here of everybody,
  which is the stricter of what is reported.
* ghcr.io: Mic92/niks3#229 (the token, and a 404 where Accept lacks the index's type), containerd/stargz-snapshotter#167
  (307 to a place that expires), Homebrew's logs (pkg-containers.githubusercontent.com/ghcr1/blobs).
* All: distribution.github.io/distribution/spec/auth/token and the OCI distribution specification; Docker-Content-Digest
  as containerd's resolver reads it.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass

from tests.world.exchange import NOT_FOUND, Answer, Asked, Site, as_json, of_file, sent_on
from tests.world.images import Images
from tests.world.tickets import Tickets, signed

PKG_DEV = "us-east1-docker.pkg.dev"
BUCKET = "prod-registry-k8s-io-us-east-1.s3.dualstack.us-east-1.amazonaws.com"
TRACE = "0" * 32


@dataclass(frozen=True)
class Guarded:
    """A registry that wants a token of everybody. realm: HOST/PATH that gives one. status: of its redirects. blobs:
    HOST/PATH they lead to, with {digest} and {two}, its first two digits; ticket: see tickets.py."""

    host: str
    realm: str
    service: str
    status: int
    blobs: str
    ticket: tuple[str, str]

    @property
    def storage(self) -> str:
        return self.blobs.partition("/")[0]

    def good_token(self, repository: str) -> str:
        return signed(f"{self.host}/{repository} token")


GUARDED = (
    Guarded(
        "registry-1.docker.io",
        "auth.docker.io/token",
        "registry.docker.io",
        307,
        "production.cloudfront.docker.com/registry-v2/docker/registry/v2/blobs/sha256/{two}/{digest}/data",
        ("Expires", "Signature"),
    ),
    Guarded(
        "quay.io",
        "quay.io/v2/auth",
        "quay.io",
        302,
        "cdn01.quay.io/quayio-production-s3/sha256/{two}/{digest}",
        ("X-Amz-Expires", "X-Amz-Signature"),
    ),
    Guarded(
        "ghcr.io",
        "ghcr.io/token",
        "ghcr.io",
        307,
        "pkg-containers.githubusercontent.com/ghcr1/blobs/sha256:{digest}",
        ("se", "sig"),
    ),
)
PARTS = re.compile(r"/v2/(.+)/(manifests|blobs)/([^/]+)")


class Registries:
    def __init__(self, images: Images, tickets: Tickets) -> None:
        self._images, self._tickets = images, tickets
        self._by_host = {one.host: one for one in GUARDED}
        self._by_storage = {one.storage: one for one in GUARDED}
        self.sites: dict[str, Site] = {
            "registry.k8s.io": self._kubernetes,
            PKG_DEV: self._artifact_registry,
            BUCKET: lambda asked: of_file(self._images.blob(asked.path.rpartition("/")[2])),
            "auth.docker.io": self._token,
            **dict.fromkeys(self._by_host, self._guarded),
            **dict.fromkeys(self._by_storage, self._storage),
        }

    def part(self, asked: Asked, host: str) -> Answer:
        """A manifest or a blob of a registry, without a question."""
        found = PARTS.fullmatch(asked.path)
        if found is None:
            return NOT_FOUND
        repository, kind, reference = found.groups()
        if kind == "blobs":
            return of_file(self._images.blob(reference))
        manifest = self._images.manifest(f"{host}/{repository}", reference)
        accepted = asked.headers.get("accept", "*/*")
        if manifest is None or ("*/*" not in accepted and manifest.kind not in accepted):
            return as_json(404, {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]})
        headers = {"Content-Type": manifest.kind, "Docker-Content-Digest": manifest.digest}
        return Answer(200, headers, manifest.content)

    def _kubernetes(self, asked: Asked) -> Answer:
        if asked.path.rstrip("/") == "/v2":
            challenge = 'Bearer realm="https://registry.k8s.io/token",service="registry.k8s.io"'
            known = asked.headers.get("authorization")
            return Answer(200) if known else Answer(401, {"WWW-Authenticate": challenge})
        if asked.path == "/token":
            return as_json(200, {"token": TRACE, "expires_in": 3600})
        if found := re.fullmatch(r"/v2/.+/blobs/(sha256:[0-9a-f]+)", asked.path):
            return sent_on(307, f"https://{BUCKET}/containers/images/{found.group(1)}?rid={TRACE}")
        if asked.path.startswith("/v2/"):
            place = asked.path.removeprefix("/v2/")
            return sent_on(307, f"https://{PKG_DEV}/v2/k8s-artifacts-prod/images/{place}?rid={TRACE}")
        return NOT_FOUND

    def _artifact_registry(self, asked: Asked) -> Answer:
        place = asked.path.removeprefix("/v2/k8s-artifacts-prod/images/")
        within = Asked(asked.method, asked.host, f"/v2/{place}", {}, asked.headers)
        return self.part(within, "registry.k8s.io") if place != asked.path else NOT_FOUND

    def _guarded(self, asked: Asked) -> Answer:
        registry, found = self._by_host[asked.host], PARTS.fullmatch(asked.path)
        if f"{asked.host}{asked.path}" == registry.realm:
            return self._token(asked)
        repository = found.group(1) if found else ""
        given = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if not found or not hmac.compare_digest(given, registry.good_token(repository)):
            scope = f',scope="repository:{repository}:pull"' if repository else ""
            challenge = f'Bearer realm="https://{registry.realm}",service="{registry.service}"{scope}'
            errors = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
            return as_json(401, errors, {"WWW-Authenticate": challenge})
        if found.group(2) == "manifests":
            return self.part(asked, asked.host)
        digest = found.group(3).removeprefix("sha256:")
        place = registry.blobs.format(two=digest[:2], digest=digest)
        return sent_on(registry.status, self._tickets.url(place, registry.ticket))

    def _token(self, asked: Asked) -> Answer:
        """To anybody, for what the scope names, for five minutes."""
        registry = next((one for one in GUARDED if one.realm == f"{asked.host}{asked.path}"), None)
        found = re.fullmatch(r"repository:(.+):pull", asked.query.get("scope", ""))
        if registry is None or found is None or asked.query.get("service") != registry.service:
            return as_json(400, {"details": "no scope, or of another service"})
        token = registry.good_token(found.group(1))
        return as_json(200, {"token": token, "access_token": token, "expires_in": 300})

    def _storage(self, asked: Asked) -> Answer:
        refusal = self._tickets.refusal(asked, self._by_storage[asked.host].ticket)
        found = re.search(r"[0-9a-f]{64}", asked.path)
        return refusal or of_file(self._images.blob(f"sha256:{found.group()}") if found else None)
