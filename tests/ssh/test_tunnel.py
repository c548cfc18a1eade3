"""A node's way out through the operator: what gets through, what does not, and what is left."""

from __future__ import annotations

import http.server
import re
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeup.model.cluster import Node, Proxy
from kubeup.model.events import Event, Note
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import SshConnection
from kubeup.tunnel import Tunnel, proxy
from tests.ssh.conftest import Operator
from tests.ssh.machine import Machine
from tests.support.forward_proxy import ForwardProxy as OwnProxy
from tests.support.forward_proxy import certificate
from tests.support.polling import settle

LARGE = bytes(range(256)) * 40_000
LOGIN = "ann:secret"


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        passed = self.headers.get("Proxy-Authorization")
        body = LARGE if self.path == "/large" else f"{self.path} for {self.headers['Host']} {passed}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[http.server.ThreadingHTTPServer]:
    """Where only the operator is asked to go."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Run:
    """One run's tunnel to one node, and what it said. named: what the profile names."""

    def __init__(self, operator: Operator, node: Node, *, outgoing: str = "", named: str = "") -> None:
        self.said: list[Event] = []
        self.node, self.connection = node, operator.connect(node)
        cluster = operator.cluster(node)
        registries = type(cluster.registries)(insecure=(named,) if named else ())
        cluster = type(cluster)(
            cluster.name, cluster.nodes, cluster.network, registries=registries, proxy=Proxy(http=outgoing)
        )
        self.tunnel = Tunnel(cluster, lambda _: self.connection, self.said.append)
        operator.closing.append(self.tunnel.close)

    @property
    def notes(self) -> list[str]:
        return [one.text for one in self.said if isinstance(one, Note)]

    @property
    def port(self) -> int:
        return int(self.tunnel.url(self.node).rpartition(":")[2])

    def fetch(self, url: str, more: str = "", through: str = "") -> str:
        """What curl has to say on the node; its proxy stands in its environment only."""
        through = through or self.tunnel.url(self.node)
        script = f"export http_proxy={through} https_proxy={through}\ncurl -sS --max-time 20 {more} {url} 2>&1\n"
        return self.connection.call(Kind.SHELL, [script.encode()]).stdout.decode()


def test_a_node_reaches_what_the_operator_reaches(
    operator: Operator, node: Node, site: http.server.ThreadingHTTPServer
) -> None:
    place = f"127.0.0.1:{site.server_port}"
    run = Run(operator, node, named=place)
    # The node's password for this proxy is no business of the site's.
    assert run.fetch(f"http://{place}/hello?a=b") == f"/hello?a=b for {place} None\n"
    digest = run.fetch(f"http://{place}/large", "--output /tmp/large --write-out '%{size_download}'")
    assert int(digest) == len(LARGE)
    run.tunnel.close()
    assert any(re.fullmatch(rf"through this machine: {place}: \d requests, 10\.2 MB", one) for one in run.notes)


def test_tls_passes_as_it_is(
    operator: Operator, node: Node, site: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    crt, key = certificate("127.0.0.1")
    (tmp_path / "crt").write_text(crt)
    (tmp_path / "key").write_text(key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    site.socket = context.wrap_socket(site.socket, server_side=True)
    place = f"127.0.0.1:{site.server_port}"
    run = Run(operator, node, named="127.0.0.1")
    assert run.fetch(f"https://{place}/hello", "--insecure") == f"/hello for {place} None\n"
    size = run.fetch(f"https://{place}/large", "--insecure --output /dev/null --write-out '%{size_download}'")
    assert int(size) == len(LARGE)


def test_the_operators_own_proxy_is_used(operator: Operator, node: Node, site: http.server.ThreadingHTTPServer) -> None:
    """A name that nobody but that proxy knows."""
    own = OwnProxy("127.0.0.1", LOGIN, {"inside.example": "127.0.0.1"})
    operator.closing.append(own.close)
    run = Run(operator, node, outgoing=own.url)
    assert run.fetch(f"http://inside.example:{site.server_port}/hello").startswith("/hello")
    assert own.seen == ["inside.example"]


def test_without_the_runs_secret_nobody_is_served(
    operator: Operator, node: Node, site: http.server.ThreadingHTTPServer
) -> None:
    place = f"127.0.0.1:{site.server_port}"
    run = Run(operator, node, named=place)
    for login in ("", "kubeup:guessed@"):
        said = run.fetch(f"http://{place}/", "--write-out '%{http_code}'", f"http://{login}127.0.0.1:{run.port}")
        assert said == "407"


def test_the_operators_own_machine_is_out_of_bounds(
    operator: Operator, node: Node, site: http.server.ThreadingHTTPServer
) -> None:
    run = Run(operator, node)
    for host in ("127.0.0.1", "localhost", "0.0.0.0"):
        assert run.fetch(f"http://{host}:{site.server_port}/", "--write-out '%{http_code}'") == "502"
    run.tunnel.close()
    assert all("out of bounds, but for what the profile names" in one for one in run.notes)
    assert len(run.notes) == 3


def test_nothing_listens_when_the_run_is_over(operator: Operator, node: Node, machine: Machine) -> None:
    run = Run(operator, node)
    listening = f"ss -Hltn 'sport = :{run.port}'"
    assert machine.run(listening).split()[3].startswith("127.0.0.1:")
    run.tunnel.close()
    assert machine.run(listening) == ""
    assert run.connection.call(Kind.PROBE, [b"echo still here"]).stdout == b"still here\n"


def test_nor_when_its_connection_was_lost(operator: Operator, node: Node, machine: Machine) -> None:
    """Waiting asserts it: ``settle`` fails when its time is over."""
    run = Run(operator, node)
    listening = f"ss -Hltn 'sport = :{run.port}'"
    run.connection.close()
    settle(lambda: machine.run(listening) == "", 20, "the port to close")


def test_a_server_that_forwards_nothing_is_told_once_and_the_node_still_serves(
    operator: Operator, machine: Machine
) -> None:
    daemon = machine.sshd("AllowTcpForwarding no")
    operator.trust(daemon)
    run = Run(operator, operator.node(daemon))
    assert [run.tunnel.url(run.node) for _ in range(2)] == ["", ""]
    (note,) = (one for one in run.said if isinstance(one, Note))
    assert note.node == "127.0.0.1"
    for part in ("forwards no port", "AllowTcpForwarding yes", "`kubeup images pull`"):
        assert part in note.text
    assert run.connection.call(Kind.PROBE, [b"echo on"]).stdout == b"on\n"


def test_a_client_that_says_nothing_holds_nobody_up(
    operator: Operator, node: Node, site: http.server.ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More at once than there are places."""
    monkeypatch.setattr(proxy, "AT_ONCE", 2)
    monkeypatch.setattr("kubeup.tunnel.request.HEAD_SECONDS", 0.5)
    place = f"127.0.0.1:{site.server_port}"
    run = Run(operator, node, named=place)
    through = run.tunnel.url(node)
    script = f"""for i in 1 2 3; do exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/{run.port}; cat <&3' & done
http_proxy={through} curl -sS --max-time 20 http://{place}/after 2>&1; wait"""
    connection: SshConnection = run.connection
    assert connection.call(Kind.SHELL, [script.encode()]).stdout.decode().startswith("/after for")
