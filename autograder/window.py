"""The examiner's window: takes a graded cell's values over HTTP, once, and only while that cell runs."""

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from autograder.outcome import Verdict, canonical

LARGEST_REQUEST = 1 << 20
"""Bytes that a request may have."""

Judge = Callable[[str, Mapping[str, object]], Verdict]


class Refused(Exception):
    """A request that the window does not take; the message goes back to the cell."""


class Window:
    """Serves on 127.0.0.1 behind an unguessable path; `judge` looks at the account, `keep` records."""

    def __init__(self, judge: Judge, keep: Callable[[Verdict], None]) -> None:
        self._judge = judge
        self._keep = keep
        self._open_for: str | None = None
        # the lock is held while a verdict is made, so that closing waits for it
        self._lock = threading.Lock()
        self._token = secrets.token_urlsafe(24)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """What LAB_EXAMINER holds in the kernel."""
        return f"http://127.0.0.1:{self._server.server_port}/{self._token}"

    def open(self, outcome: str) -> None:
        """Take one request for this outcome from now on."""
        with self._lock:
            self._open_for = outcome

    def close(self) -> None:
        """Take no request; waits for a verdict in the making."""
        with self._lock:
            self._open_for = None

    def answer(self, path: str, body: bytes) -> Verdict:
        """The verdict on a request; raises Refused."""
        if not secrets.compare_digest(path.encode(), f"/{self._token}".encode()):
            raise Refused("this is not the examiner's address: use LAB_EXAMINER as it is")
        outcome, values = _parse(body)
        with self._lock:
            if self._open_for is None or canonical(outcome) != canonical(self._open_for):
                raise Refused(f"{outcome} is taken once, from its own graded cell, while that cell runs")
            self._open_for = None
            verdict = self._judge(outcome, values)
            self._keep(verdict)
        return verdict

    def __enter__(self) -> "Window":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _parse(body: bytes) -> tuple[str, dict[str, object]]:
    try:
        document = json.loads(body)
        outcome, values = document["outcome"], document["values"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused('send JSON: {"outcome": …, "values": {…}}') from error
    if not isinstance(outcome, str) or not isinstance(values, dict):
        raise Refused("outcome is a text and values is an object")
    return outcome, values


def _handler(window: Window) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self) -> None:
            try:
                length = int(self.headers.get("Content-Length") or 0)
                if not 0 < length <= LARGEST_REQUEST:
                    raise Refused(f"send between 1 and {LARGEST_REQUEST:,} bytes")
                content = json.dumps(window.answer(self.path, self.rfile.read(length)).document())
                self._send(200, "application/json", content)
            except (Refused, ValueError) as error:
                self._send(409, "text/plain; charset=utf-8", str(error))

        def _send(self, status: int, kind: str, content: str) -> None:
            body = content.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Requests are in the record, not on the grader's terminal."""

    return Handler
