"""Records calls while they are answered, and turns the records into events when nobody waits.

On the way of a call lies one write to a file, before the answer is sent; what the call asked is read from it
later. A record leaves the file once its event is in the store.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.bridge.dispatch import SKIPPED, Call
from localaws.cloudtrail import calls
from localaws.faults import Answer
from localaws.journal import Journal
from localaws.signature import ALGORITHM, Request
from localaws.state import ACCOUNT_ID, OUTSIDE_IP

if TYPE_CHECKING:
    from collections.abc import Callable

    from localaws.cloudtrail.event import Event
    from localaws.cloudtrail.store import Store
    from localaws.iam.identity import Directory

log = logging.getLogger("localaws")

QUIET_SECONDS = 0.25
BACKLOG = 2000
SPOOL_RECORDS = 200
HOUR = 3600.0
DAY = 86400
LARGEST = 1 << 20
UNSAID = SKIPPED | {"authorization", "x-amz-security-token", "cookie", "content-md5"}
_REQUEST_IDS = ("x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id")

Record = tuple[dict[str, Any], bytes]


class Recorder:
    """The trail of an account's calls."""

    def __init__(
        self, folder: Path, directory: Directory, resolve: Callable[[Request], Call], *, durable: bool
    ) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "spool").mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._directory = directory
        self._resolve = resolve
        self.selected: frozenset[str] = frozenset()
        """The services, by their signing names, whose data events some trail wants."""
        self._records: deque[Record] = deque()
        self._spool = Journal(folder / "spool", durable=durable)
        self._writing = threading.Lock()
        self._digesting = threading.Lock()
        self._store: Store | None = None
        self._noted = threading.Event()
        self._closing = threading.Event()
        self._newest = 0.0
        self._cleaned = 0.0
        self._thread = threading.Thread(target=self._loop, name="trail", daemon=True)

    def open(self) -> None:
        """Take up the records of an earlier run."""
        self._records.extend(self._spool.read(0))
        if self._records:
            self._noted.set()
        self._thread.start()

    @property
    def store(self) -> Store:
        """The events, opened when they are first needed."""
        if self._store is None:
            from localaws.cloudtrail.store import Store

            self._store = Store(self._folder / "events.sqlite")
        return self._store

    def account_of(self, access_key_id: str) -> str:
        """Return the account whose key this is."""
        identity = self._directory.find(access_key_id)
        return identity.account_id if identity is not None else ACCOUNT_ID

    @property
    def waiting(self) -> bool:
        """Whether there are records that are no events yet."""
        return bool(self._records)

    def note(self, request: Request, answer: Answer) -> None:
        """Record a call; it is in the file when this returns."""
        call = Call("", "", request)
        on_data = calls.on_data(call)
        if on_data and request.signing_name not in self.selected:
            return
        identity = self._directory.find(request.access_key_id)
        if identity is None:
            return
        head = {
            "id": str(uuid.uuid4()),
            "time": time.time_ns() // 1000,
            "account": identity.account_id,
            "user": identity.user,
            "identity": identity.element(),
            "source": OUTSIDE_IP,
            "request": _request_id(answer),
            "credential": request.credential,
            "method": request.method,
            "target": request.target,
            "headers": {name: value for name, value in request.headers.items() if name not in UNSAID},
            "status": answer.status,
        }
        asked = b"" if on_data and request.signing_name == "s3" else request.body
        told = answer.body if _told(call, answer) else b""
        kept = [part if len(part) <= LARGEST else b"" for part in (asked, told)]
        head["asked"] = len(kept[0])
        self._write(head, b"".join(kept))

    def _write(self, head: dict[str, Any], blob: bytes) -> None:
        with self._writing:
            if self._closing.is_set():
                return
            try:
                self._spool.append(head, blob)
            except OSError as error:
                log.warning("a call is missing in the trail after a crash: %s", error)
            self._records.append((head, blob))
        self._newest = time.monotonic()
        self._noted.set()

    def flush(self) -> None:
        """Turn every record so far into events."""
        with self._digesting:
            records = list(self._records)
            if not records:
                return
            self.store.add(
                [(head["time"], event) for head, blob in records for event in self._read(head, blob)]
            )
            for _ in records:
                self._records.popleft()
            if self._spool.count >= SPOOL_RECORDS:
                self._shorten()

    def _shorten(self) -> None:
        with self._writing:
            if not self._records:
                self._spool.forget(self._spool.rotate())

    def _read(self, head: dict[str, Any], blob: bytes) -> list[Event]:
        from localaws.cloudtrail import event

        headers = dict(head["headers"])
        if head["credential"]:
            # without its signature, but a service is found by it
            headers["authorization"] = f"{ALGORITHM} Credential={head['credential']}, "
        request = Request(head["method"], head["target"], headers, blob[: head["asked"]])
        kind = "application/json" if blob[head["asked"] :].startswith(b"{") else "text/xml"
        answer = Answer(head["status"], [("content-type", kind)], blob[head["asked"] :])
        try:
            return event.read(head, self._resolve(request), answer)
        except Exception:
            log.exception("a call is missing in the trail: %s %s", request.method, request.path)
            return []

    def _loop(self) -> None:
        while not self._closing.is_set():
            self._noted.wait()
            self._noted.clear()
            self._closing.wait(QUIET_SECONDS)
            busy = time.monotonic() - self._newest < QUIET_SECONDS
            if busy and len(self._records) < BACKLOG and not self._closing.is_set():
                self._noted.set()
                continue
            self._guarded_flush()

    def _guarded_flush(self) -> None:
        try:
            self.flush()
            if time.monotonic() - self._cleaned > HOUR and self._store is not None:
                from localaws.cloudtrail.store import DAYS

                self._cleaned = time.monotonic()
                self._store.forget(time.time_ns() // 1000 - DAYS * DAY * 10**6)
        except Exception:
            log.exception("the trail's records stay in their file")

    def close(self) -> None:
        """Turn what is left into events, and end."""
        self._closing.set()
        self._noted.set()
        if self._thread.is_alive():
            self._thread.join()
        self._guarded_flush()
        self._shorten()
        self._spool.close()
        if self._store is not None:
            self._store.close()


def _told(call: Call, answer: Answer) -> bool:
    """Whether the event will show something of the answer."""
    if answer.status >= 400 or call.action.startswith("AssumeRole"):
        return True
    if " " in call.action:
        return call.request.method not in ("GET", "HEAD")
    return not calls.only_reads(call.action)


def _request_id(answer: Answer) -> str:
    headers = {name.lower(): value for name, value in answer.headers}
    found = next((headers[name] for name in _REQUEST_IDS if name in headers), None)
    return found or str(uuid.uuid4())
