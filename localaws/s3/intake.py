"""Uploads on their way in: the bytes go to the store before the call, and the call carries a reference.

aws-chunked bodies are unwrapped ("Signature calculations: transferring payload in multiple chunks").
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Protocol

from localaws.faults import Fault
from localaws.s3 import store
from localaws.s3.content import Content
from localaws.s3.digests import Digests

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call
    from localaws.faults import Answer
    from localaws.signature import Request

REFERENCE = "x-localaws-content"
STREAMING = "STREAMING-"
LARGE = 1 << 20
# Other parameters name a sub-resource, whose document is no object.
OBJECT_PARAMETERS = ("partnumber", "uploadid", "x-id", "x-amz-", "awsaccesskeyid", "signature", "expires")


class Body(Protocol):
    """A request's body as it comes from the client."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; fewer only at the end."""

    def readline(self) -> bytes:
        """Return the bytes to the next line's end."""


def uploads(request: Request) -> bool:
    """Whether a request's body is an object's, or a part's: told from its first lines alone."""
    if request.method != "PUT" or request.signing_name != "s3" or "x-amz-copy-source" in request.headers:
        return False
    names = (name.lower() for name, _ in request.parameters)
    return all(name.startswith(OBJECT_PARAMETERS) for name in names) and _names_object(request)


def _names_object(request: Request) -> bool:
    bucket, _, key = request.path.lstrip("/").partition("/")
    return bool(key) or (bool(bucket) and _in_host(request.headers.get("host", "")))


def _in_host(host: str) -> bool:
    """Whether the host's name begins with a bucket's, so that the path is all key."""
    name = host.rpartition(":")[0] or host
    first, dot, rest = name.partition(".")
    return bool(dot) and not first.isdigit() and first != "s3" and not rest.isdigit()


def is_large(headers: dict[str, str]) -> bool:
    """Whether a body should not be held in memory."""
    length = headers.get("content-length", "")
    return not length.isdigit() or int(length) > LARGE


def receive(body: Body, headers: dict[str, str]) -> Content:
    """Write a body to the store and return its reference; Fault when it is not what its headers say."""
    digests = Digests(headers)
    trailers: dict[str, str] = {}
    chunked = headers.get("x-amz-content-sha256", "").startswith(STREAMING)
    pieces = _unwrapped(body, trailers) if chunked else iter(lambda: body.read(store.PIECE), b"")
    name = store.current().write(pieces, [digests])
    try:
        expected = headers.get("x-amz-decoded-content-length" if chunked else "content-length", "")
        if expected.isdigit() and int(expected) != digests.size:
            raise _incomplete()
        found = digests.checked(trailers)
    except Fault:
        store.current().drop(name)
        raise
    return Content(name, digests.size, digests.md5.hexdigest(), digests=found)


def _unwrapped(body: Body, trailers: dict[str, str]) -> Iterator[bytes]:
    while size := _chunk_size(body.readline()):
        while size > 0:
            piece = body.read(min(size, store.PIECE))
            if not piece:
                raise _incomplete()
            size -= len(piece)
            yield piece
        body.readline()
    while line := body.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        trailers[name.strip().lower()] = value.strip()


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        raise _incomplete() from None


def _incomplete() -> Fault:
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return Fault("IncompleteBody", message)


def serve(call: Call, perform: Callable[[Call], Answer]) -> Answer:
    """Perform a call of S3's with its body in the store; what a refused one brought along is removed."""
    request = call.request
    if REFERENCE in request.headers:
        headers = {name: value for name, value in request.headers.items() if name != REFERENCE}
        request = replace(request, headers=headers)
        call = replace(call, request=request)
    if not uploads(request):
        return _completed(call, perform)
    content = request.stored or receive(BytesIO(request.body), request.headers)
    return _with_content(replace(call, request=replace(request, body=b"", stored=None)), content, perform)


def _completed(call: Call, perform: Callable[[Call], Answer]) -> Answer:
    from localaws.s3 import joining

    content = joining.joined(call.request)
    return perform(call) if content is None else _with_content(call, content, perform)


def _with_content(call: Call, content: Content, perform: Callable[[Call], Answer]) -> Answer:
    headers = call.request.headers | {REFERENCE: content.written()}
    if headers.get("x-amz-content-sha256", "").startswith(STREAMING):
        # it is unwrapped, and moto would do it again
        headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
    with contextlib.ExitStack() as stack:
        stack.callback(store.current().release, content.id)
        answer = perform(replace(call, request=replace(call.request, headers=headers)))
        if 400 <= answer.status < 500 and content.id not in content.parts:
            stack.callback(store.current().drop, content.id)
    return answer
