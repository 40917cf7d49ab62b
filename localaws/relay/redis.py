"""Valkey's and Redis's front door: TLS where transit encryption is on, and the network's decision."""

from __future__ import annotations

from localaws.relay.loop import Steps
from localaws.relay.session import Session
from localaws.relay.steps import read_some, send_all

_ANSWERS = 32
_LONGEST_COMMAND = 65536


def serve(session: Session) -> Steps[None]:
    """Bring a client to its server, or tell it why not."""
    context = session.door.context
    if context and session.door.endpoint.force_tls:
        yield from session.encrypt(context)
    refusal = yield from session.admit()
    if refusal:
        yield from _refuse(session, refusal.message)
        return
    try:
        server = yield from session.reach()
    except OSError:
        yield from _refuse(session, session.door.unavailable())
        return
    session.bind()
    session.describe()
    session.flow(server)


def _refuse(session: Session, message: str) -> Steps[None]:
    """Answer every command with the reason: clients ignore the answers to their first ones."""
    answer = f"-ERR {message}\r\n".encode()
    pending = b""
    for _ in range(_ANSWERS):
        pending += yield from read_some(session.client, 4096)
        commands, pending = _commands(pending)
        yield from send_all(session.client, answer * commands)
        if len(pending) > _LONGEST_COMMAND:
            return


def _commands(data: bytes) -> tuple[int, bytes]:
    """Count the complete commands in front and return what follows them."""
    count = 0
    while data:
        size = _size(data)
        if size is None:
            break
        data = data[size:]
        count += 1
    return count, data


def _size(data: bytes) -> int | None:
    """Return the length of the first command, None when it is not complete."""
    end = data.find(b"\r\n")
    if end < 0:
        return None
    if data[:1] != b"*" or not data[1:end].isdigit():
        return end + 2
    position = end + 2
    for _ in range(int(data[1:end])):
        end = data.find(b"\r\n", position)
        if end < 0 or data[position : position + 1] != b"$" or not data[position + 1 : end].isdigit():
            return None
        position = end + 2 + int(data[position + 1 : end]) + 2
    return position if position <= len(data) else None
