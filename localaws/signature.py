"""Verification of AWS signatures: Version 4 in headers and presigned URLs, Version 2 in those of S3."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from calendar import timegm
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from localaws.lazy import lazy

if TYPE_CHECKING:
    from localaws.s3.content import Content

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
SKEW_SECONDS = 15 * 60
SUBRESOURCES = frozenset(
    (
        "accelerate", "acl", "cors", "defaultObjectAcl", "delete", "lifecycle", "location", "logging",
        "notification", "partNumber", "policy", "requestPayment", "restore", "tagging", "torrent",
        "uploadId", "uploads", "versionId", "versioning", "versions", "website", "response-cache-control",
        "response-content-disposition", "response-content-encoding", "response-content-language",
        "response-content-type", "response-expires",
    )
)  # fmt: skip


class Refusal(Enum):
    """Why a request is not let in."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown key"
    MISMATCH = "mismatch"
    SKEWED = "skewed"
    EXPIRED = "expired"
    BAD_TOKEN = "bad token"  # noqa: S105 - not a password


class SignatureRefused(Exception):
    """The request's signature does not prove who sent it."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(detail or refusal.value)
        self.refusal = refusal
        self.detail = detail


@dataclass(frozen=True)
class Key:
    """A secret that may sign, and the session token that must come along when it is temporary."""

    secret: str
    token: str | None = None
    expired: bool = False


@dataclass(frozen=True)
class Request:
    """An HTTP request as it came over the wire; header names in lower case; large uploads are `stored`."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    stored: Content | None = None

    @lazy
    def path(self) -> str:
        """The path, still encoded."""
        return self.target.partition("?")[0] or "/"

    @lazy
    def query(self) -> str:
        """The query string, still encoded."""
        return self.target.partition("?")[2]

    @lazy
    def parameters(self) -> list[tuple[str, str]]:
        """The decoded query."""
        pairs = (part.partition("=") for part in self.query.split("&") if part)
        return [(unquote(name), unquote(value)) for name, _, value in pairs]

    @lazy
    def presigned(self) -> dict[str, str]:
        """The parameters that carry a presigned URL's signature; empty when there is none."""
        found = dict(self.parameters) if "Signature=" in self.query else {}
        return found if "X-Amz-Signature" in found or "Signature" in found else {}

    @lazy
    def credential(self) -> str | None:
        """The credential scope `key/date/region/service/aws4_request` that the request names."""
        authorization = self.headers.get("authorization", "")
        if authorization.startswith(ALGORITHM):
            return _fields(authorization).get("Credential")
        return self.presigned.get("X-Amz-Credential")

    @property
    def access_key_id(self) -> str:
        """The key that it says it was signed with; empty when it says none."""
        return (self.credential or self.presigned.get("AWSAccessKeyId", "")).partition("/")[0]

    @lazy
    def signing_name(self) -> str:
        """The service that the request was signed for; S3 when it does not say."""
        scope = (self.credential or "").split("/")
        return scope[-2].lower() if len(scope) == 5 else "s3"


def verify(
    request: Request,
    key_of: Callable[[str], Key | None],
    now: float | None = None,
    *,
    body_follows: bool = False,
) -> str:
    """Return the access key that signed the request, or raise SignatureRefused.

    Of a body that is still to be read only the stated hash is looked at: compare it afterwards.
    """
    now = time.time() if now is None else now
    if request.presigned and "authorization" not in request.headers:
        if "X-Amz-Signature" in request.presigned:
            return _verify_presigned(request, key_of, now)
        return _verify_version_2(request, key_of, now)
    authorization = request.headers.get("authorization")
    if not authorization:
        raise SignatureRefused(Refusal.MISSING)
    fields = _fields(authorization)
    if (
        not authorization.startswith(ALGORITHM)
        or not {"Credential", "SignedHeaders", "Signature"} <= fields.keys()
    ):
        raise SignatureRefused(Refusal.MALFORMED, "Authorization must be a complete AWS4-HMAC-SHA256 header.")
    scope = _scope(fields["Credential"])
    key = _known(key_of(scope[0]), request.headers.get("x-amz-security-token"))
    stamp = request.headers.get("x-amz-date", "")
    payload = _payload(request, body_follows=body_follows)
    _check_signature(request, fields["SignedHeaders"], scope, stamp, key, fields["Signature"], payload)
    _check_clock(_moment(stamp), now)
    return scope[0]


def _verify_presigned(request: Request, key_of: Callable[[str], Key | None], now: float) -> str:
    given = request.presigned
    try:
        scope, stamp = _scope(given["X-Amz-Credential"]), given["X-Amz-Date"]
        names, lifetime = given["X-Amz-SignedHeaders"], int(given["X-Amz-Expires"])
    except (KeyError, ValueError):
        raise SignatureRefused(Refusal.MALFORMED, "The presigned URL is incomplete.") from None
    key = _known(key_of(scope[0]), given.get("X-Amz-Security-Token"))
    payload = request.headers.get("x-amz-content-sha256") or (
        "UNSIGNED-PAYLOAD" if scope[3] == "s3" else hashlib.sha256(request.body).hexdigest()
    )
    _check_signature(request, names, scope, stamp, key, given["X-Amz-Signature"], payload)
    signed = _moment(stamp)
    if now > signed + lifetime:
        raise SignatureRefused(Refusal.EXPIRED, "Request has expired")
    if signed > now + SKEW_SECONDS:
        raise SignatureRefused(Refusal.SKEWED, _skew(signed, now))
    return scope[0]


def _verify_version_2(request: Request, key_of: Callable[[str], Key | None], now: float) -> str:
    given = request.presigned
    if not {"AWSAccessKeyId", "Expires"} <= given.keys() or not given["Expires"].isdigit():
        raise SignatureRefused(Refusal.MALFORMED, "The presigned URL is incomplete.")
    key = _known(key_of(given["AWSAccessKeyId"]), given.get("x-amz-security-token"))
    words = "\n".join(_version_2_lines(request, given))
    digest = hmac.new(key.secret.encode(), words.encode(), hashlib.sha1).digest()
    if not hmac.compare_digest(base64.b64encode(digest).decode(), given["Signature"]):
        raise SignatureRefused(Refusal.MISMATCH)
    if now > int(given["Expires"]):
        raise SignatureRefused(Refusal.EXPIRED, "Request has expired")
    return given["AWSAccessKeyId"]


def _version_2_lines(request: Request, given: dict[str, str]) -> Iterator[str]:
    amz = {name: value for name, value in request.headers.items() if name.startswith("x-amz-")}
    amz |= {name: value for name, value in given.items() if name.startswith("x-amz-")}
    yield request.method
    yield request.headers.get("content-md5", "")
    yield request.headers.get("content-type", "")
    yield given["Expires"]
    yield from (f"{name}:{value.strip()}" for name, value in sorted(amz.items()))
    subresources = sorted(pair for pair in request.parameters if pair[0] in SUBRESOURCES)
    suffix = "&".join(f"{name}={value}" if value else name for name, value in subresources)
    yield request.path + (f"?{suffix}" if suffix else "")


def _fields(authorization: str) -> dict[str, str]:
    parts = authorization.partition(" ")[2].split(",")
    return {name: value for name, _, value in (part.strip().partition("=") for part in parts)}


def _scope(credential: str) -> tuple[str, str, str, str]:
    parts = credential.split("/")
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise SignatureRefused(
            Refusal.MALFORMED, "Credential must be KEY/YYYYMMDD/REGION/SERVICE/aws4_request."
        )
    return parts[0], parts[1], parts[2], parts[3]


def _known(key: Key | None, token: str | None) -> Key:
    if key is None:
        raise SignatureRefused(Refusal.UNKNOWN_KEY)
    if key.token is not None and not hmac.compare_digest(key.token.encode(), (token or "").encode()):
        raise SignatureRefused(Refusal.UNKNOWN_KEY)
    if key.expired:
        raise SignatureRefused(Refusal.BAD_TOKEN)
    return key


def _payload(request: Request, *, body_follows: bool) -> str:
    stated = request.headers.get("x-amz-content-sha256")
    if stated and (body_follows or stated == "UNSIGNED-PAYLOAD" or stated.startswith("STREAMING-")):
        return stated
    actual = hashlib.sha256(request.body).hexdigest() if request.body else EMPTY_SHA256
    if stated and stated != actual:
        raise SignatureRefused(
            Refusal.MISMATCH, "The provided 'x-amz-content-sha256' header does not match what was computed."
        )
    return actual


def _check_signature(
    request: Request,
    names: str,
    scope: tuple[str, str, str, str],
    stamp: str,
    key: Key,
    given: str,
    payload: str,
) -> None:
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names.split(";")
    )
    query = _canonical_query(request)
    signing_key = _signing_key(key.secret, *scope[1:])
    for path in _canonical_paths(request.path, scope[3]):
        canonical = "\n".join((request.method, path, query, headers, names, payload))
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        words = f"{ALGORITHM}\n{stamp}\n{'/'.join(scope[1:])}/aws4_request\n{digest}"
        expected = hmac.new(signing_key, words.encode(), hashlib.sha256).hexdigest()
        if hmac.compare_digest(expected.encode(), given.encode()):
            return
    raise SignatureRefused(Refusal.MISMATCH)


def _canonical_paths(path: str, service: str) -> tuple[str, ...]:
    if service == "s3" or path == "/":
        return (path,)
    # Most SDKs encode the path twice; a few encode it once.
    return quote(path, safe="/~"), path


def _canonical_query(request: Request) -> str:
    if not request.query:
        return ""
    pairs = [
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in request.parameters
        if name != "X-Amz-Signature"
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


@lru_cache(maxsize=64)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for word in (date, region, service, "aws4_request"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return key


@lru_cache(maxsize=64)
def _moment(stamp: str) -> float:
    try:
        return float(timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ")))
    except ValueError:
        raise SignatureRefused(Refusal.MALFORMED, "X-Amz-Date must look like 20260131T235959Z.") from None


def _check_clock(signed: float, now: float) -> None:
    if abs(now - signed) > SKEW_SECONDS:
        raise SignatureRefused(Refusal.SKEWED, _skew(signed, now))


def _skew(signed: float, now: float) -> str:
    sent, here = (time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment)) for moment in (signed, now))
    if signed < now:
        return f"Signature expired: {sent} is now earlier than {here} minus 15 minutes. Correct the clock."
    return f"Signature not yet current: {sent} is still later than {here} plus 15 minutes. Correct the clock."
