"""api-balancer with the machine's own haproxy: which of three servers it uses, whom it does not believe."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kubeup import profile
from kubeup.components.api_balancer import COMPONENT, PROGRAM, STATUS_PORT
from kubeup.components.base import Context, http_body
from kubeup.model.cluster import BALANCER_PORT, Cluster, replace_nodes
from kubeup.model.facts import ClusterFacts, Facts, running
from kubeup.planning import render
from tests.support.authority import Authority
from tests.support.polling import settle

NAMES = ("kubernetes", "localhost")
PATIENCE = 20.0


class Server:
    """An API server of this machine's loopback, as far as a balancer sees one. ready: what /readyz answers with."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        self.ready, self.delay, self.asked = 200, 0.0, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                time.sleep(outer.delay)
                outer.asked += self.path == "/readyz"
                body = address.encode()
                self.send_response(outer.ready if self.path == "/readyz" else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
                sock, peer = super().get_request()
                sock.settimeout(PATIENCE)
                return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), peer

            def handle_error(self, *_: object) -> None:
                """Whoever did not believe the certificate hung up."""

        self._server = Quiet((address, 6443), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """profiles/ha.yaml, its machines on loopback."""
    loaded = profile.load(Path(__file__).parents[2] / "profiles/ha.yaml").cluster
    nodes = (replace(one, name=f"node{at + 3}", address=f"127.0.0.{at + 3}") for at, one in enumerate(loaded.nodes))
    return replace_nodes(loaded, tuple(nodes))


Start = Callable[..., dict[str, Server]]


@pytest.fixture
def authority() -> Authority:
    return Authority("kubernetes-ca")


@pytest.fixture
def start(tmp_path: Path, cluster: Cluster, authority: Authority) -> Iterator[Start]:
    """Starts an API server for each control-plane node and a balancer before them. certified: by whom, for which
    names; of those who differ from the others."""
    (tmp_path / "ca.crt").write_text(authority.pem)
    servers: dict[str, Server] = {}
    running_ones: list[subprocess.Popen[bytes]] = []

    def begin(*, without: tuple[str, ...] = (), **certified: ssl.SSLContext) -> dict[str, Server]:
        for node in cluster.control_plane:
            if node.name not in without:
                tls = certified.get(node.name) or authority.server(tmp_path, *NAMES)
                servers[node.name] = Server(node.address, tls)
        worker = cluster.workers[-1]
        context = Context(cluster, worker, Facts(), ClusterFacts(), {})
        text = render.render("api-balancer.cfg", COMPONENT, context)
        config = tmp_path / "api-balancer.cfg"
        config.write_text(text.replace("/etc/kubernetes/pki/ca.crt", str(tmp_path / "ca.crt")))
        running_ones.append(subprocess.Popen([PROGRAM, "-W", "-q", "-f", str(config)], stdout=subprocess.DEVNULL))
        settle(lambda: bool(states()), PATIENCE, "the balancer to run")
        return servers

    yield begin
    for process in running_ones:
        process.terminate()
        process.wait(PATIENCE)
    for server in servers.values():
        server.stop()


def states() -> dict[str, str]:
    """Name -> empty where it is used, else why it is not; as kubeup asks for it."""
    said = subprocess.run(
        ["sh", "-c", http_body(STATUS_PORT, "/servers;csv;norefresh")], capture_output=True, text=True, check=False
    )
    try:
        return {one.name: "" if one.up else one.why for one in running.balancer(said.stdout)}
    except ValueError:
        return {}


def answers(path: str = "/") -> set[str]:
    """Addresses of the servers that answer through the balancer, each on a connection of its own."""
    return {ask(path) for _ in range(20)}


def ask(path: str = "/") -> str:
    """One answer; empty where none came."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", BALANCER_PORT), 5) as plain,
            context.wrap_socket(plain) as sock,
        ):
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: kubernetes\r\nConnection: close\r\n\r\n".encode())
            said = b""
            while part := sock.recv(4096):
                said += part
    except OSError:
        return ""
    return said.rpartition(b"\r\n\r\n")[2].decode()


def test_all_that_are_ready_are_used(start: Start) -> None:
    start()
    settle(lambda: all(server == "" for server in states().values()), PATIENCE, "all servers to be used")
    assert list(states()) == ["node3", "node4", "node5"]
    assert answers() == {"127.0.0.3", "127.0.0.4", "127.0.0.5"}


def test_one_that_is_not_there_is_passed_over_from_the_first_connection_on(start: Start) -> None:
    start(without=("node3",))
    assert answers() == {"127.0.0.4", "127.0.0.5"}
    settle(lambda: "refused" in states()["node3"], PATIENCE, "node3 to be seen as down")


def test_one_that_is_not_ready_is_passed_over_and_comes_back(start: Start) -> None:
    servers = start()
    settle(lambda: servers["node4"].asked > 1, PATIENCE, "the first checks")
    servers["node4"].ready = 500
    settle(lambda: states()["node4"] != "", PATIENCE, "node4 to be out")
    assert answers() == {"127.0.0.3", "127.0.0.5"}
    assert "500" in states()["node4"]
    servers["node4"].ready = 200
    settle(lambda: states()["node4"] == "", PATIENCE, "node4 to be back")
    assert "127.0.0.4" in answers()


def test_what_is_not_ready_for_as_long_as_an_election_takes_cuts_nobody(start: Start) -> None:
    servers = start()
    settle(lambda: all(server.asked > 1 for server in servers.values()), PATIENCE, "the first checks")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", BALANCER_PORT), 5) as plain, context.wrap_socket(plain) as watch:
        for server in servers.values():
            server.ready = 500
        end = time.monotonic() + 3.5
        watch.settimeout(0.2)
        while time.monotonic() < end:
            with pytest.raises(TimeoutError):
                watch.recv(1)
        for server in servers.values():
            server.ready = 200
        watch.settimeout(5)
        watch.sendall(b"GET / HTTP/1.1\r\nHost: kubernetes\r\nConnection: close\r\n\r\n")
        assert watch.recv(4096).startswith(b"HTTP/1.1 200")
    assert states() == {"node3": "", "node4": "", "node5": ""}


def test_connections_through_one_that_hangs_are_cut(start: Start) -> None:
    servers = start()
    settle(lambda: all(server.asked > 1 for server in servers.values()), PATIENCE, "the first checks")
    opened = [socket.create_connection(("127.0.0.1", BALANCER_PORT), 5) for _ in range(12)]
    begin = time.monotonic()
    servers["node5"].delay = 20
    cut: set[socket.socket] = set()

    def some_are_cut() -> bool:
        for one in opened:
            one.settimeout(0.01)
            with suppress(TimeoutError):
                if one.recv(1) == b"":
                    cut.add(one)
        return bool(cut)

    settle(some_are_cut, PATIENCE, "connections to be cut")
    print(f"cut after {time.monotonic() - begin:.1f} s: {len(cut)} of {len(opened)}")
    assert len(cut) < len(opened)
    assert states()["node5"] != ""
    for one in opened:
        one.close()


def test_where_none_is_ready_all_serve_unchecked(start: Start) -> None:
    servers = start()
    for server in servers.values():
        server.ready = 500
    settle(lambda: all(states().values()), PATIENCE, "all to be out")
    assert answers() == {"127.0.0.3", "127.0.0.4", "127.0.0.5"}


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_wrong_certificate_is_not_believed(start: Start, authority: Authority, tmp_path: Path, wrong: str) -> None:
    others = {"authority": (Authority("kubernetes-ca"), NAMES), "name": (authority, ("example.com",))}
    by, names = others[wrong]
    servers = start(node4=by.server(tmp_path, *names))
    settle(lambda: states()["node4"] != "", PATIENCE, "node4 to be out")
    assert answers() == {"127.0.0.3", "127.0.0.5"}
    assert "SSL" in states()["node4"]
    assert servers["node4"].asked == 0
