"""Connections: a worker stays with one that goes on at once, and answers are sent in one piece."""

from __future__ import annotations

import select
import time
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from cheroot.server import HTTPConnection

from localaws.faults import Answer

SLICE_MS = 2
SLICES = 5
"""For 10 ms a worker waits for the next request, unless other connections want it."""

_REASONS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    500: "Error",
}


class Connection(HTTPConnection):  # type: ignore[misc, unused-ignore]
    """A connection whose next request usually follows at once: handing it to another thread takes longer."""

    def communicate(self) -> bool:
        """Answer requests as long as they follow each other; whether the connection stays open."""
        while super().communicate():  # type: ignore[no-untyped-call, unused-ignore]
            if not self._goes_on():
                return True
        return False

    def _goes_on(self) -> bool:
        if self.rfile.has_data():
            return True
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        for _ in range(SLICES):
            if self.server.requests.qsize or not self.server.ready:
                return False
            if poll.poll(SLICE_MS):
                return True
        return False


def send(req: Any, answer: Answer) -> None:
    """Send an answer to the request that cheroot has read."""
    req.sent_headers = True
    if not req.close_connection:
        req.close_connection = not req.server.can_add_keepalive_connection
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    names = {name.lower() for name, _ in answer.headers}
    if "content-length" not in names:
        lines.append(f"Content-Length: {len(answer.body)}")
    if "date" not in names:
        lines.append(f"Date: {_date(int(time.time()))}")
    if "server" not in names:
        lines.append(f"Server: {req.server.server_name}")
    if "connection" not in names:
        lines += _persistence(req)
    head = "\r\n".join((*lines, "", "")).encode("latin-1", "replace")
    req.conn.wfile.write(head if req.method == b"HEAD" else head + answer.body)
    for piece in answer.stream or ():
        req.conn.wfile.write(piece)


def _persistence(req: Any) -> list[str]:
    if req.response_protocol == "HTTP/1.1":
        return ["Connection: close"] if req.close_connection else []
    if req.close_connection:
        return []
    return ["Connection: Keep-Alive", f"Keep-Alive: timeout={req.server.timeout}"]


@lru_cache(maxsize=2)
def _date(now: int) -> str:
    return formatdate(now, usegmt=True)
