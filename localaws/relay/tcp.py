"""The front door of a host's own service, whatever it speaks: only the network decides."""

from __future__ import annotations

from localaws.relay.loop import Steps
from localaws.relay.session import Session
from localaws.relay.steps import part, read_some, send_all

_METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ", b"OPTIONS ")
_TOO_LATE = "504 Gateway Timeout"
_NOBODY = "502 Bad Gateway"


def serve(session: Session) -> Steps[None]:
    """Bring a client to the service, or tell it why not."""
    refusal = yield from session.admit()
    if refusal:
        yield from _refuse(session, _TOO_LATE, refusal.message)
        return
    try:
        server = yield from session.reach()
    except OSError:
        yield from _refuse(session, _NOBODY, session.door.unavailable())
        return
    session.bind()
    session.describe()
    session.flow(server)


def _refuse(session: Session, status: str, message: str) -> Steps[None]:
    """Tell the reason to a client that speaks HTTP, and hang up on any other."""
    said = yield from read_some(session.client, 4096)
    if said.startswith(_METHODS):
        body = f"{message}\n".encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        rest = f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        yield from send_all(session.client, (head + rest).encode() + body)
        yield from part(session.client)
