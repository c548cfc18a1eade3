"""A real image registry (Debian's docker-registry) on a node, images to put into it, and a forward proxy."""

from __future__ import annotations

import base64
import datetime
import hashlib
import http.server
import ipaddress
import json
import socket
import ssl
import subprocess
import tarfile
import threading
import urllib.error
import urllib.request
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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


def certificate(address: str) -> tuple[str, str]:
    """A certificate of its own authority for an address, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a registry")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


class ForwardProxy:
    """A small HTTP proxy with a password. hosts: names that only it knows -> address. seen: hosts it was asked for."""

    def __init__(self, address: str, login: str, hosts: dict[str, str]) -> None:
        self.seen: list[str] = []
        proxy, wanted = self, f"Basic {base64.b64encode(login.encode()).decode()}"

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.headers.get("Proxy-Authorization") != wanted:
                    self._answer(407, {"Proxy-Authenticate": 'Basic realm="proxy"'}, b"")
                    return
                parts = urlsplit(self.path)
                host, _, port = parts.netloc.partition(":")
                proxy.seen.append(host)
                url = f"http://{hosts.get(host, host)}:{port or 80}{parts.path}?{parts.query}"
                passed = {name: value for name, value in self.headers.items() if name.lower() in ("accept", "range")}
                request = urllib.request.Request(url, headers=passed, method=self.command)
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                try:
                    with opener.open(request, timeout=30) as answer:
                        self._answer(answer.status, dict(answer.headers), answer.read())
                except urllib.error.HTTPError as error:
                    self._answer(error.code, dict(error.headers), error.read())

            do_HEAD = do_GET

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                length = headers.get("Content-Length", str(len(body))) if self.command == "HEAD" else str(len(body))
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{login}@{address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def reachable(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((address, port)) == 0
