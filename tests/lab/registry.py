"""A real image registry (Debian's docker-registry) on a node, and images to put into it."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import subprocess
import tarfile
import urllib.error
import urllib.request
from io import BytesIO
from pathlib import Path

from kubeup.lab import life
from tests.lab.conftest import Cluster

BINARY = "/usr/local/bin/docker-registry"


def unpack(folder: Path) -> Path:
    """The program itself, from the package archives."""
    subprocess.run(["apt-get", "download", "-q", "docker-registry"], cwd=folder, check=True, timeout=120)
    (package,) = folder.glob("docker-registry_*.deb")
    subprocess.run(["dpkg", "-x", package.name, "unpacked"], cwd=folder, check=True, timeout=60)
    return folder / "unpacked/usr/bin/docker-registry"


def install(cluster: Cluster, node: str, folder: Path) -> None:
    source = str(unpack(folder))
    argv = ["scp", "-q", "-F", str(life.ssh_config(cluster.name)), source, f"{node}:{BINARY}"]
    subprocess.run(argv, check=True, timeout=60)


def serve(cluster: Cluster, node: str, port: int, more: str = "") -> None:
    """Run one on a port, as a unit of its own. more: further lines of its configuration, from below ``http:`` on."""
    config = (
        f"version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: /srv/registry{port}}}}}\n"
        f"http:\n  addr: :{port}\n{more}"
    )
    text = base64.b64encode(config.encode()).decode()
    cluster.on(node, f"mkdir -p /srv/registry{port}; echo {text} | base64 -d >/srv/registry{port}.yml")
    unit = f"systemd-run --collect --unit=registry{port} {BINARY} serve /srv/registry{port}.yml"
    said = cluster.on(
        node,
        f"{unit}; for _ in $(seq 100); do ss -Hltn 'sport = :{port}' | grep -q . && exit; sleep 0.1; done; echo deaf",
    )
    assert "deaf" not in said, cluster.on(node, f"journalctl -u registry{port} -n 20 -o cat")


def push(base: str, name: str, tag: str, archive: bytes, login: str = "", ca: str = "") -> None:
    """An image of a docker-archive into a registry, by its HTTP API. base: URL; login: USER:PASSWORD; ca: PEM."""
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        files = {member.name: tar.extractfile(member) for member in tar}
        contents = {path: file.read() for path, file in files.items() if file is not None}
    listed = json.loads(contents["manifest.json"])[0]
    context = ssl.create_default_context(cadata=ca) if ca else None
    headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}

    def send(method: str, url: str, data: bytes, kind: str) -> str:
        request = urllib.request.Request(url, data, {**headers, "Content-Type": kind}, method=method)
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return str(answer.headers.get("Location", ""))

    def blob(content: bytes, kind: str) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        place = send("POST", f"{base}/v2/{name}/blobs/uploads/", b"", "application/octet-stream")
        send("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", content, "application/octet-stream")
        return {"mediaType": kind, "size": len(content), "digest": digest}

    docker = "application/vnd.docker"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{docker}.distribution.manifest.v2+json",
        "config": blob(contents[listed["Config"]], f"{docker}.container.image.v1+json"),
        "layers": [blob(contents[path], f"{docker}.image.rootfs.diff.tar") for path in listed["Layers"]],
    }
    send("PUT", f"{base}/v2/{name}/manifests/{tag}", json.dumps(manifest).encode(), str(manifest["mediaType"]))


def reachable(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((address, port)) == 0
