"""The door of the local AWS: reads a request, checks its signature, lets the control plane answer."""

from __future__ import annotations

import logging
import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cheroot.server import Gateway as CherootGateway
from cheroot.server import HTTPServer

from localaws import faults
from localaws.connections import Connection, send
from localaws.errors import LocalawsError
from localaws.faults import Answer, Fault
from localaws.s3 import intake
from localaws.signature import Key, Refusal, Request, SignatureRefused, verify
from localaws.state import KeyPair

if TYPE_CHECKING:
    from localaws.control import ControlPlane

log = logging.getLogger("localaws")

WORKERS = 10


class Gateway:
    """Answers requests; those that come while the model is still being loaded wait."""

    def __init__(self, credentials: dict[str, KeyPair]) -> None:
        self._own = {pair.access_key_id: Key(pair.secret_access_key) for pair in credentials.values()}
        self._ready = threading.Event()
        self._control: ControlPlane | None = None
        self._failure = ""

    def open(self, control: ControlPlane) -> None:
        """Let the requests in."""
        self._control = control
        self._ready.set()

    def fail(self, reason: str) -> None:
        """Answer every request with the reason why the server cannot work."""
        self._failure = reason
        self._ready.set()

    def answer(self, request: Request, upload: intake.Body | None = None) -> Answer:
        """Return the answer to a request, whatever happens; the body of a large upload is read only now."""
        answer = self._answer(request, upload)
        if self._control is not None:
            self._control.trail.note(request, answer)
        return answer

    def _answer(self, request: Request, upload: intake.Body | None) -> Answer:
        protocol = faults.protocol_of(request.signing_name, request.headers, request.query)
        try:
            self._ready.wait()
            self._check(request, protocol, body_follows=upload is not None)
            if self._control is None:
                raise Fault("ServiceUnavailable", self._failure, 503, sender=False)
            if upload is not None:
                request = self._control.receive(request, upload)
            return self._control.serve(request)
        except Fault as fault:
            return faults.answer(fault, protocol)
        except LocalawsError as error:
            log.exception("refused")
            return faults.answer(faults.internal(protocol, str(error)), protocol)
        except Exception as error:
            log.exception("failed")
            reason = f"The local AWS failed ({type(error).__name__}). See `localaws logs`."
            return faults.answer(faults.internal(protocol, reason), protocol)

    def _check(self, request: Request, protocol: str, *, body_follows: bool) -> None:
        try:
            verify(request, self._key, body_follows=body_follows)
        except SignatureRefused as refused:
            raise _fault(refused, protocol) from None

    def _key(self, access_key_id: str) -> Key | None:
        known = self._own.get(access_key_id)
        if known is not None or self._control is None:
            return known
        from localaws.bridge import credentials

        return credentials.issued(access_key_id, time.time())


def _fault(refused: SignatureRefused, protocol: str) -> Fault:
    json = protocol in ("json", "rest-json", "cbor")
    kind = "json" if json else protocol
    code, message, status = _REFUSALS[refused.refusal][kind]
    if protocol == "rest-json":
        status = 403
    return Fault(code, refused.detail or message, status)


_INVALID = "The security token included in the request is invalid."
_DIFFERS = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method."
)
_UNABLE = "AWS was not able to validate the provided access credentials"
_EXPIRED = "The security token included in the request is expired"
_SKEWED = "The difference between the request time and the current time is too large."

_REFUSALS: dict[Refusal, dict[str, tuple[str, str, int]]] = {
    Refusal.MISSING: {
        "json": ("MissingAuthenticationTokenException", "Missing Authentication Token", 400),
        "query": ("MissingAuthenticationToken", "Request is missing Authentication Token", 403),
        "ec2": ("MissingAuthenticationToken", "Request is missing Authentication Token", 403),
        "s3": ("AccessDenied", "Access Denied: the request is not signed.", 403),
    },
    Refusal.MALFORMED: {
        "json": ("IncompleteSignatureException", "The signature is incomplete.", 400),
        "query": ("IncompleteSignature", "The signature is incomplete.", 400),
        "ec2": ("AuthFailure", _UNABLE, 401),
        "s3": ("AuthorizationHeaderMalformed", "The authorization is malformed.", 400),
    },
    Refusal.UNKNOWN_KEY: {
        "json": ("UnrecognizedClientException", _INVALID, 400),
        "query": ("InvalidClientTokenId", _INVALID, 403),
        "ec2": ("AuthFailure", _UNABLE, 401),
        "s3": (
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            403,
        ),
    },
    Refusal.MISMATCH: {
        "json": ("InvalidSignatureException", _DIFFERS, 400),
        "query": ("SignatureDoesNotMatch", _DIFFERS, 403),
        "ec2": ("AuthFailure", _UNABLE, 401),
        "s3": ("SignatureDoesNotMatch", _DIFFERS, 403),
    },
    Refusal.SKEWED: {
        "json": ("InvalidSignatureException", _SKEWED, 400),
        "query": ("SignatureDoesNotMatch", _SKEWED, 403),
        "ec2": ("RequestExpired", _SKEWED, 400),
        "s3": ("RequestTimeTooSkewed", _SKEWED, 403),
    },
    Refusal.EXPIRED: {
        "json": ("InvalidSignatureException", "Signature expired", 400),
        "query": ("SignatureDoesNotMatch", "Signature expired", 403),
        "ec2": ("RequestExpired", "Request has expired", 400),
        "s3": ("AccessDenied", "Request has expired", 403),
    },
    Refusal.BAD_TOKEN: {
        "json": ("ExpiredTokenException", _EXPIRED, 400),
        "query": ("ExpiredToken", _EXPIRED, 403),
        "ec2": ("RequestExpired", "Request has expired.", 400),
        "s3": ("ExpiredToken", "The provided token has expired.", 400),
    },
}


class HttpServer(HTTPServer):
    """cheroot's threaded server on the loopback address, in front of a Gateway."""

    ConnectionClass = Connection

    def __init__(self, gateway: Gateway, listener: socket.socket) -> None:
        super().__init__(listener.getsockname(), _Exchange, minthreads=WORKERS, maxthreads=64)
        self.door = gateway
        self._listener = listener
        self.nodelay = True
        self.timeout = 300
        self.shutdown_timeout = 2
        self.request_queue_size = 128
        self.prepare()

    def bind(self, family: int, type: int, proto: int = 0) -> None:  # noqa: ARG002 - cheroot's signature
        """Take the socket that was bound before the lengthy imports."""
        self.socket = self._listener

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """Send cheroot's messages to the server's log."""
        log.log(level, "http: %s", msg, exc_info=traceback)


class _Exchange(CherootGateway):
    """One HTTP request and its answer."""

    def respond(self) -> None:
        req: Any = self.req
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in req.inheaders.items()
        }
        request = Request(req.method.decode("latin-1"), req.uri.decode("latin-1"), headers, b"")
        if intake.is_large(headers) and intake.uploads(request):
            answer = req.server.door.answer(request, req.rfile)
            # of a refused one the rest is still under way
            while req.rfile.read(intake.LARGE):
                pass
        else:
            answer = req.server.door.answer(replace(request, body=req.rfile.read() or b""))
        send(req, answer)
