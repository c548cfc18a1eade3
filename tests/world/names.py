"""A name server for the world: its sites' names lead to one address, every other name does not exist."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


@contextmanager
def serving(address: tuple[str, int], hosts: Sequence[str], leads_to: str) -> Iterator[int]:
    """On a UDP address (port 0: any), until the end; yields the port."""
    known = frozenset(hosts)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            packet, socket = self.request
            try:
                reply = answer(packet, known, leads_to)
            except dns.exception.DNSException:
                return
            socket.sendto(reply, self.client_address)

    with socketserver.ThreadingUDPServer(address, Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(10)


def answer(packet: bytes, known: frozenset[str], leads_to: str) -> bytes:
    """Raises DNSException for what is no question."""
    asked = dns.message.from_wire(packet)
    reply = dns.message.make_response(asked, recursion_available=True)
    question = asked.question[0]
    if question.name.to_text(omit_final_dot=True).lower() not in known:
        reply.set_rcode(dns.rcode.NXDOMAIN)
    elif question.rdtype == dns.rdatatype.A:
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", leads_to))
    return reply.to_wire()
