"""The way to DynamoDB for a learner's file: every request passes the examiner, who signs, renames and counts.

The file has no credentials of the account and no other address. Its jobs are handed out here too, one after
the other, so that each request belongs to the job that is open.
"""

import json
import secrets
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from autograder.errors import AutograderError
from autograder.examiner import Account

LARGEST = 4 << 20
PREFIX = "DynamoDB_20120810."
READS = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})
WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})
BATCHES = frozenset({"BatchGetItem", "BatchWriteItem"})


@dataclass(frozen=True)
class Call:
    """One request of the file; `items` is how many came back, `looked_at` how many were read for them."""

    operation: str
    units: float
    items: int = 0
    looked_at: int = 0
    consistent: bool = False
    error: str = ""


@dataclass(frozen=True)
class Report:
    """What came of a job: the function's value, or its exception, and the requests that it made."""

    value: Any
    error: str
    calls: Sequence[Call]

    @property
    def units(self) -> float:
        """Capacity that its requests consumed."""
        return sum(call.units for call in self.calls)


@dataclass(frozen=True)
class Job:
    """A function of the file and the arguments of one or more calls.

    `meanwhile` happens once, just before its first write reaches DynamoDB.
    """

    function: str
    calls: Sequence[Sequence[object]] = ((),)
    meanwhile: Callable[[], None] | None = None


Script = Generator[Job, Report, None]
"""Yields jobs, and is sent the report on each."""


@dataclass
class _Open:
    job: Job
    calls: list[Call] = field(default_factory=list)
    disturbed: bool = False


class Recorder:
    """Serves DynamoDB's operations on the named tables, each in place of another, and the script's jobs."""

    def __init__(self, account: Account, tables: Mapping[str, str], script: Script) -> None:
        self._account = account
        self._url = account.dynamodb.meta.endpoint_url
        self._tables = dict(tables)
        self._back = {real: name for name, real in self._tables.items()}
        self._script = script
        self._open: _Open | None = None
        self._lock = threading.Lock()
        self._http = URLLib3Session(timeout=30)
        self._path = f"/{secrets.token_urlsafe(16)}"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.finished = False
        self.failure: Exception | None = None
        self.not_loaded = ""

    @property
    def endpoint(self) -> str:
        """What boto3 gets as its endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def jobs(self) -> str:
        """Where the driver fetches its jobs."""
        return self.endpoint + self._path

    def __enter__(self) -> "Recorder":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._http.close()

    def answer(self, path: str, target: str, body: bytes) -> tuple[int, bytes]:
        """The answer to a request: a job, or DynamoDB's."""
        if path == self._path:
            with self._lock:
                return 200, json.dumps(self._next(json.loads(body))).encode()
        return self._forward(target.removeprefix(PREFIX), json.loads(body))

    def _next(self, told: Mapping[str, Any]) -> object:
        try:
            if self.finished:
                return None
            if self._open is None:
                self.not_loaded = str(told["error"])
                if self.not_loaded:
                    return None
                job = next(self._script)
            else:
                report = Report(told["value"], str(told["error"]), tuple(self._open.calls))
                job = self._script.send(report)
        except StopIteration:
            self.finished = True
            return None
        except Exception as error:
            self.failure, self.finished = error, True
            return None
        self._open = _Open(job)
        return {"function": job.function, "calls": job.calls}

    def _forward(self, operation: str, body: dict[str, Any]) -> tuple[int, bytes]:
        if operation not in READS | WRITES:
            return _fault("AccessDeniedException", f"the examiner takes operations on items, not {operation}")
        unknown = self._rename(operation, body, self._tables)
        if unknown:
            known = ", ".join(self._tables)
            return _fault(
                "ResourceNotFoundException",
                f"Requested resource not found: {unknown!r} is not among the tables handed in ({known})",
            )
        self._disturb(operation)
        body["ReturnConsumedCapacity"] = "TOTAL"
        status, content = self._send(operation, json.dumps(body).encode())
        document = json.loads(content)
        self._count(operation, body, status, document)
        if status == 200:
            for name in ("Responses", "UnprocessedItems", "UnprocessedKeys"):
                if operation in BATCHES and name in document:
                    document[name] = {
                        self._back.get(real, real): each for real, each in document[name].items()
                    }
        return status, json.dumps(document).encode()

    def _rename(self, operation: str, body: dict[str, Any], names: Mapping[str, str]) -> str:
        """Put the real tables' names into the request; the first name that is not known, or nothing."""
        if operation in BATCHES:
            asked = body.get("RequestItems", {})
            unknown = next((name for name in asked if name not in names), "")
            if not unknown:
                body["RequestItems"] = {names[name]: each for name, each in asked.items()}
            return unknown
        single = [body]
        if operation.startswith("Transact"):
            single = [part for item in body.get("TransactItems", []) for part in item.values()]
        for part in single:
            name = part.get("TableName", "")
            if name not in names:
                return str(name) or "(no table)"
            part["TableName"] = names[name]
        return ""

    def _disturb(self, operation: str) -> None:
        current = self._open
        if current is None or operation not in WRITES or current.job.meanwhile is None:
            return
        if not current.disturbed:
            current.disturbed = True
            current.job.meanwhile()

    def _send(self, operation: str, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": PREFIX + operation}
        request = AWSRequest("POST", self._url, data=body, headers=headers)
        credentials = self._account.session.get_credentials()
        if credentials is None:
            raise AutograderError("The examiner has no credentials: choose a back end first.")
        SigV4Auth(credentials, "dynamodb", self._account.session.region_name).add_auth(request)
        response = self._http.send(request.prepare())
        return response.status_code, response.content

    def _count(
        self, operation: str, body: Mapping[str, Any], status: int, document: Mapping[str, Any]
    ) -> None:
        if self._open is None:
            return
        consumed = document.get("ConsumedCapacity") or []
        each = consumed if isinstance(consumed, list) else [consumed]
        items = _items(operation, document)
        self._open.calls.append(
            Call(
                operation,
                sum(float(part.get("CapacityUnits", 0)) for part in each),
                items,
                int(document.get("ScannedCount", items)),
                bool(body.get("ConsistentRead")) or operation == "TransactGetItems",
                "" if status == 200 else str(document.get("__type", status)).rpartition("#")[2],
            )
        )


def _items(operation: str, document: Mapping[str, Any]) -> int:
    if operation == "BatchGetItem":
        return sum(len(found) for found in document.get("Responses", {}).values())
    if operation == "TransactGetItems":
        return sum("Item" in found for found in document.get("Responses", []))
    return int(document.get("Count", "Item" in document))


def _fault(kind: str, message: str) -> tuple[int, bytes]:
    return 400, json.dumps(
        {"__type": f"com.amazonaws.dynamodb.v20120810#{kind}", "message": message}
    ).encode()


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 60
        protocol_version = "HTTP/1.1"
        # head and body leave together; apart, each answer would wait for an acknowledgement
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(min(length, LARGEST)) or b"{}"
            try:
                status, content = recorder.answer(self.path, self.headers.get("X-Amz-Target") or "", body)
            except Exception as error:
                status, content = _fault("ValidationException", f"the examiner cannot read this: {error}")
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            """Requests are counted, not printed."""

    return Handler
