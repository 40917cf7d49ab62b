"""From an HTTP request to moto's handler and back, without Flask's application in between."""

from __future__ import annotations

import contextlib
import importlib
import logging
from dataclasses import dataclass
from functools import cached_property, lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_to_bytes

from localaws import faults
from localaws.bridge import imports
from localaws.faults import FORM, Answer, Fault
from localaws.lazy import lazy
from localaws.s3.content import Content
from localaws.signature import Request

if TYPE_CHECKING:
    from werkzeug.routing import Map

log = logging.getLogger("localaws")

READS = (
    "Describe", "Get", "List", "Head", "Query", "Scan", "BatchGet", "TransactGet", "Lookup", "Search",
    "Select", "Estimate", "Simulate", "Validate", "Preview", "Filter", "Decrypt", "Encrypt",
    "ReEncrypt", "GenerateData", "GenerateRandom", "GenerateMac", "Verify", "Sign",
)  # fmt: skip
WRITING_READS = frozenset({"GetSessionToken", "GetFederationToken"})

# Their key material comes from the operating system: replaying the call would make another key.
UNREPEATABLE = frozenset(
    {
        "kms",
        "acm",
        "acmpca",
        "s3control",
        "vpclattice",
        "connect",
        "connectcampaigns",
        "fsx",
        "cloudhsmv2",
        "iot",
    }
)
UNREPEATABLE_ACTIONS = frozenset({"CreateKeyPair", "ExportTableToPointInTime", "ImportTable"})

# These wait inside moto, so they may neither hold the lock nor stop the clock.
WAITING = frozenset(
    {("swf", "PollForActivityTask"), ("swf", "PollForDecisionTask"), ("stepfunctions", "StartSyncExecution")}
)

INVOKING = ("/invocations", "/invoke-async")

# Signed with the name of the moto service that answers them, whatever else the request says.
SAME_NAME = frozenset({"ec2", "elasticache", "iam", "kms", "rds", "secretsmanager", "ssm", "sts"})

# The clients of DynamoDB and of its streams sign with the same name.
_DYNAMODB = {"DynamoDBStreams": "dynamodbstreams"}

SKIPPED = frozenset(
    {
        "connection",
        "accept-encoding",
        "expect",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "transfer-encoding",
    }
)


@dataclass(frozen=True)
class Call:
    """A request together with the service, named as moto's module, that shall handle it."""

    service: str
    region: str
    request: Request

    @lazy
    def protocol(self) -> str:
        """The wire format of its answers."""
        return faults.protocol_of(self.request.signing_name, self.request.headers, self.request.query)

    @lazy
    def action(self) -> str:
        """The operation's name, or for REST services the method and the path."""
        target = self.request.headers.get("x-amz-target")
        if target:
            return target.rpartition(".")[2]
        named = parse_qs(self.request.query).get("Action")
        if named is None and self.request.headers.get("content-type", "").startswith(FORM):
            start = self.request.body.find(b"Action=")
            if start >= 0 and (start == 0 or self.request.body[start - 1 : start] == b"&"):
                return self.request.body[start + 7 :].partition(b"&")[0].decode("ascii", "replace")
        return named[0] if named else f"{self.request.method} {self.request.path}"

    @property
    def reads(self) -> bool:
        """Whether it leaves the model as it is."""
        if " " in self.action:
            return self.request.method in ("GET", "HEAD", "OPTIONS")
        return self.action.startswith(READS) and self.action not in WRITING_READS

    @property
    def repeatable(self) -> bool:
        """Whether running it again with its seed and time gives the same model."""
        return self.service not in UNREPEATABLE and self.action not in UNREPEATABLE_ACTIONS

    @property
    def waits(self) -> bool:
        """Whether moto itself waits while it handles the call."""
        invokes = self.service == "awslambda" and self.request.path.rstrip("/").endswith(INVOKING)
        return invokes or (self.service, self.action) in WAITING

    def record(self) -> tuple[dict[str, Any], bytes]:
        """Return what the journal needs to run the call again."""
        request = self.request
        headers = {name: value for name, value in request.headers.items() if name not in SKIPPED}
        head = {"service": self.service, "region": self.region, "method": request.method}
        return head | {"target": request.target, "headers": headers}, request.body

    @classmethod
    def from_record(cls, head: dict[str, Any], body: bytes) -> Call:
        """Return the call of a journal's record."""
        request = Request(head["method"], head["target"], head["headers"], body)
        return cls(head["service"], head["region"], request)


class Dispatcher:
    """moto's services behind one function."""

    def __init__(self) -> None:
        imports.install()
        self._maps: dict[str, Map] = {}
        self._backend_for_host = lru_cache(maxsize=256)(
            lambda host: self._inference.get_backend_for_host(host)
        )

    @cached_property
    def _inference(self) -> Any:
        """The inference that moto has, which brings Flask along: loaded when it is first needed."""
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication

        return DomainDispatcherApplication(_no_application)

    def _backend_of(self, host: str) -> Any:
        return self._inference.get_backend_for_host(host)

    def resolve(self, request: Request) -> Call:
        """Find the service that a request is for; Fault when there is none."""
        scope = (request.credential or "").split("/")
        region = scope[2] if len(scope) == 5 else "us-east-1"
        if request.signing_name == "dynamodb":
            target = request.headers.get("x-amz-target", "").partition("_")[0]
            return Call(_DYNAMODB.get(target, "dynamodb"), region, request)
        if request.signing_name in SAME_NAME:
            return Call(request.signing_name, region, request)
        return Call(self._infer(request), region, request)

    def _infer(self, request: Request) -> str:
        environ = _environ(request)
        if request.credential and "authorization" not in request.headers:
            environ["HTTP_AUTHORIZATION"] = f"AWS4-HMAC-SHA256 Credential={request.credential}, "
        try:
            host = self._inference.infer_service_region_host(environ, environ["PATH_INFO"])
        except (KeyError, IndexError):
            host = None if request.signing_name == "s3" else ""
        service = self._backend_for_host("s3.us-east-1.amazonaws.com" if host is None else host)
        if not service or service.startswith("moto_api"):
            protocol = faults.protocol_of(request.signing_name, request.headers, request.query)
            raise faults.unknown_operation(protocol, f"of the service {request.signing_name!r}")
        return str(service)

    def prepare(self, service: str) -> None:
        """Import what handles `service`; that takes long for some, so nobody's lock should be held."""
        if service not in self._maps:
            with contextlib.suppress(ModuleNotFoundError):
                importlib.import_module(f"moto.{service}.urls")

    def run(self, call: Call) -> Answer:
        """Let moto answer; whatever goes wrong in it comes back as an AWS error of the call's protocol."""
        try:
            return self._run(call)
        except Fault as fault:
            return faults.answer(fault, call.protocol)
        except NotImplementedError:
            return faults.answer(faults.unknown_operation(call.protocol, call.action), call.protocol)
        except Exception as error:
            log.exception("%s %s failed", call.service, call.action)
            reason = f"The local AWS failed at {call.action} ({type(error).__name__}). See `localaws logs`."
            return faults.answer(faults.internal(call.protocol, reason), call.protocol)

    def _run(self, call: Call) -> Answer:
        from botocore.exceptions import ClientError
        from werkzeug.exceptions import HTTPException

        request = moto_request(call.request)
        try:
            handler = self._handler(call, request)
            result = handler(request, request.raw_url, dict(request.headers))
        except ClientError as error:
            details = error.response["Error"]
            raise Fault(details["Code"], details["Message"]) from error
        except HTTPException as error:
            return _from_exception(error, call)
        status, headers, content = (
            result if isinstance(result, tuple) and len(result) == 3 else (200, {}, result)
        )
        return _answer(int(status), headers, content, call)

    def _handler(self, call: Call, request: Any) -> Any:
        from werkzeug.exceptions import MethodNotAllowed, NotFound
        from werkzeug.routing import RequestRedirect

        adapter = self._map(call.service).bind("localhost")
        try:
            handler, _ = adapter.match(request.path, request.method)
        except (NotFound, MethodNotAllowed, RequestRedirect):
            raise faults.unknown_operation(call.protocol, call.action) from None
        return handler

    def _map(self, service: str) -> Map:
        if service not in self._maps:
            self._maps[service] = _url_map(service)
        return self._maps[service]


def _no_application(service: str) -> Any:
    raise LookupError(service)


def _url_map(service: str) -> Map:
    from moto.backends import get_backend
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.core.base_backend import BackendDict
    from werkzeug.routing import BaseConverter, Map, Rule

    class Regex(BaseConverter):
        """The converter that moto's paths name."""

        part_isolating = False

        def __init__(self, url_map: Map, *patterns: str) -> None:
            super().__init__(url_map)
            self.regex = patterns[0]

    accounts: Any = get_backend(service)  # type: ignore[call-overload, unused-ignore]
    if isinstance(accounts, BackendDict):
        regions: Any = accounts[DEFAULT_ACCOUNT_ID]
        backend = regions["us-east-1" if "us-east-1" in regions else "aws"]
    else:
        backend = accounts["global"]
    rules = [
        Rule(path, endpoint=handler, strict_slashes=False)
        for path, handler in backend.flask_paths.items()
        if path
    ]
    return Map(rules, converters={"regex": Regex}, merge_slashes=False)


def _environ(request: Request) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": request.target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(request.body),
    }
    for name, value in request.headers.items():
        if name not in SKIPPED:
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ["CONTENT_LENGTH"] = str(len(request.body))
    return environ


def moto_request(request: Request) -> Any:
    """Return the request as moto's handlers take it."""
    from moto.core import request as core

    environ = _environ(request)
    if request.method == "PUT" and environ["CONTENT_TYPE"].startswith(FORM):
        # moto would parse an upload by curl -d or urllib as a form, and lose it.
        environ["CONTENT_TYPE"] = "binary/octet-stream"
    environ[core.PRESERVED_HEADER_NAMES_ENVIRON_KEY] = {
        core.environ_key_for_header(name): name
        for name in request.headers
        if core.should_preserve_original_header_name(name)
    }
    made = core.Request(environ)
    made.from_wsgi_server = True
    return made


def _from_exception(error: Any, call: Call) -> Answer:
    response = error.get_response()
    if "html" in response.headers.get("Content-Type", ""):
        raise Fault(type(error).__name__, str(error.description or error), int(error.code or 400))
    return _answer(response.status_code, dict(response.headers), response.get_data(), call)


def _answer(status: int, headers: Any, content: Any, call: Call) -> Answer:
    stream = content.stream() if isinstance(content, Content) and content.is_large else None
    body = _bytes(content) if stream is None else b""
    if status == 404 and not body and call.protocol == "rest-json" and call.request.method != "HEAD":
        raise faults.unknown_operation(call.protocol, call.action)
    pairs = [
        (str(name), str(value)) for name, value in dict(headers).items() if str(name).lower() not in _OURS
    ]
    names = {name.lower(): value for name, value in pairs}
    if "content-type" not in names and (body or status >= 300):
        pairs.append(("Content-Type", _content_type(call.protocol)))
    if call.request.method == "HEAD":
        given = {str(name).lower(): str(value) for name, value in dict(headers).items()}
        pairs.append(("Content-Length", given.get("content-length", str(len(body)))))
        return Answer(status, pairs, b"")
    length = len(body) if stream is None else len(content)
    return Answer(status, [*pairs, ("Content-Length", str(length))], body, stream)


_OURS = frozenset({"content-length", "status", "date", "server", "connection", "transfer-encoding"})


def _content_type(protocol: str) -> str:
    kinds = {
        "json": "application/x-amz-json-1.1",
        "rest-json": "application/json",
        "cbor": "application/cbor",
    }
    return kinds.get(protocol, "text/xml")


def _bytes(content: Any) -> bytes:
    if content is None:
        return b""
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, bytes | bytearray):
        return bytes(content)
    if hasattr(content, "read"):
        return _bytes(content.read())
    return b"".join(_bytes(part) for part in content)
