"""Memcached's front door: TLS where transit encryption is on, the network's decision, and auto discovery.

AWS: "Automatically identify nodes in your cluster (Memcached)".
"""

from __future__ import annotations

from localaws.relay.loop import Steps
from localaws.relay.redis import secure
from localaws.relay.session import Session
from localaws.relay.steps import read_some, send_all

_LONGEST_LINE = 4096
_DISCOVERY = (b"config get cluster", b"get AmazonElastiCache:cluster")


def serve(session: Session) -> Steps[None]:
    """Bring a client to its server, or tell it why not."""
    yield from secure(session)
    refusal = yield from session.admit()
    if refusal:
        yield from _refuse(session, refusal.message)
        return
    nodes = session.door.endpoint.nodes
    first = b""
    while nodes is not None:
        while b"\r\n" not in first and len(first) < _LONGEST_LINE:
            first += yield from read_some(session.client, 4096)
        line, _, rest = first.partition(b"\r\n")
        if line not in _DISCOVERY:
            break
        yield from send_all(session.client, _configuration(line, nodes()))
        first = rest
    try:
        server = yield from session.reach()
        if first:
            yield from send_all(server, first)
    except OSError:
        yield from _refuse(session, session.door.unavailable())
        return
    session.bind()
    session.describe()
    session.flow(server)


def _configuration(asked: bytes, nodes: list[str]) -> bytes:
    """The list of the nodes, as a client with auto discovery reads it."""
    content = f"1\n{' '.join(nodes)}\n".encode()
    if asked == _DISCOVERY[0]:
        return b"CONFIG cluster 0 %d\r\n%s\r\nEND\r\n" % (len(content), content)
    return b"VALUE AmazonElastiCache:cluster 0 %d\r\n%s\r\nEND\r\n" % (len(content), content)


def _refuse(session: Session, message: str) -> Steps[None]:
    yield from read_some(session.client, _LONGEST_LINE)
    yield from send_all(session.client, f"SERVER_ERROR {message}\r\n".encode())
