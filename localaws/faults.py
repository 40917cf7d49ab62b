"""AWS's errors in the wire format of each protocol."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from localaws.errors import LocalawsError

REST_XML = frozenset({"route53", "cloudfront", "s3control"})
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    """What goes back to the client."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    stream: Iterator[bytes] | None = None
    """A body that is too large to be held."""


@dataclass
class Fault(LocalawsError):
    """An error as AWS answers it: a code, a message and an HTTP status."""

    code: str
    message: str
    status: int = 400
    sender: bool = field(default=True)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def protocol_of(service: str, headers: dict[str, str], query: str) -> str:
    """Return the protocol in which the client of `service` (its signing name) expects its answer."""
    kind = headers.get("content-type", "")
    if service == "s3":
        return "s3"
    if "cbor" in kind:
        return "cbor"
    if "x-amz-target" in headers:
        return "json"
    if service == "ec2":
        return "ec2"
    if service in REST_XML:
        return "query"
    if kind.startswith(FORM) or "Action=" in query:
        return "query"
    return "rest-json"


def unknown_operation(protocol: str, operation: str) -> Fault:
    """Return what AWS answers to an operation that does not exist, or that is not emulated."""
    message = f"The operation {operation} is not available in this local AWS."
    if protocol in ("query", "ec2"):
        return Fault("InvalidAction", message)
    if protocol == "s3":
        return Fault("NotImplemented", message, 501)
    return Fault("UnknownOperationException", message, 404 if protocol == "rest-json" else 400)


def internal(protocol: str, reason: str) -> Fault:
    """Return what AWS answers when it is AWS's fault."""
    code = {"query": "InternalFailure", "json": "InternalFailure", "rest-json": "InternalServerException"}
    return Fault(code.get(protocol, "InternalError"), reason, 500, sender=False)


def answer(fault: Fault, protocol: str) -> Answer:
    """Write the fault in the wire format of `protocol`."""
    request_id = secrets.token_hex(16)
    body, content_type = _body(fault, protocol, request_id)
    headers = [
        ("Content-Type", content_type),
        ("x-amzn-RequestId", request_id),
        ("x-amz-request-id", request_id),
        ("x-amzn-ErrorType", fault.code),
    ]
    return Answer(fault.status, headers, body)


def _body(fault: Fault, protocol: str, request_id: str) -> tuple[bytes, str]:
    code, message = escape(fault.code), escape(fault.message)
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    if protocol == "s3":
        return _xml(f"<Error>{error}<RequestId>{request_id}</RequestId></Error>")
    if protocol == "ec2":
        errors = f"<Errors><Error>{error}</Error></Errors>"
        return _xml(f"<Response>{errors}<RequestID>{request_id}</RequestID></Response>")
    if protocol == "query":
        side = "Sender" if fault.sender else "Receiver"
        errors = f"<Error><Type>{side}</Type>{error}</Error>"
        return _xml(f"<ErrorResponse>{errors}<RequestId>{request_id}</RequestId></ErrorResponse>")
    if protocol == "cbor":
        pairs = (("__type", fault.code), ("message", fault.message))
        return b"\xa2" + b"".join(_cbor(word) for pair in pairs for word in pair), "application/cbor"
    document = json.dumps({"__type": fault.code, "message": fault.message})
    return document.encode(), "application/x-amz-json-1.1" if protocol == "json" else "application/json"


def _xml(document: str) -> tuple[bytes, str]:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}'.encode(), "text/xml"


def _cbor(text: str) -> bytes:
    content = text.encode()
    return b"\x7a" + len(content).to_bytes(4, "big") + content
