"""CompleteMultipartUpload: the parts become one file before the call, while nobody holds the model."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from localaws.bridge import backends
from localaws.s3 import store
from localaws.s3.content import Content
from localaws.s3.digests import COMPOSITE, COMPUTED, composite, digest_of

if TYPE_CHECKING:
    from localaws.s3.keys import Multipart
    from localaws.signature import Request


def joined(request: Request) -> Content | None:
    """Return the bytes of the upload that this request completes, or None where the call will say why not."""
    upload_id = dict(request.parameters).get("uploadId")
    if request.method != "POST" or upload_id is None:
        return None
    multipart = _multipart(upload_id)
    parts = [] if multipart is None else _named(request.body, multipart)
    if multipart is None or not parts:
        return None
    digests = _composite(parts, multipart.composite_checksum)
    if len(parts) == 1:
        return replace(parts[0], digests=parts[0].digests | digests, parts=(parts[0].id,))
    return _join(parts, multipart.full_object_checksum, digests)


def _composite(parts: list[Content], algorithm: str | None) -> dict[str, str]:
    """Return the checksum of the parts' checksums; a part that came without its own is read."""
    if algorithm not in COMPUTED or algorithm is None:
        return {}
    values = []
    for part in parts:
        digest = digest_of(algorithm)
        for piece in () if algorithm in part.digests else part.stream():
            digest.update(piece)
        values.append(part.digests.get(algorithm) or _text(digest.digest()))
    return {COMPOSITE: composite(algorithm, values)}


def _multipart(upload_id: str) -> Multipart | None:
    found: Any
    for _, _, backend in backends.existing("s3"):
        for bucket in list(backend.buckets.values()):
            found = bucket.multiparts.get(upload_id)
            if found is not None:
                return found
    return None


def _named(body: bytes, multipart: Multipart) -> list[Content]:
    """Return the parts that the request names; none when it names one that there is not."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - the owner's own request, and expat has limits
        numbers = [
            int(each.text or "") for each in root.iter() if each.tag.rpartition("}")[2] == "PartNumber"
        ]
    except (ElementTree.ParseError, ValueError):
        return []
    keys = [multipart.parts.get(number) for number in numbers]
    return [key.content for key in keys if key is not None] if None not in keys else []


def _join(parts: list[Content], checksum: str | None, digests: dict[str, str]) -> Content:
    md5 = hashlib.md5(usedforsecurity=False)
    digest = digest_of(checksum) if checksum in COMPUTED else None
    name = store.current().write(_pieces(parts), [md5] if digest is None else [md5, digest])
    if digest is not None and checksum is not None:
        digests = digests | {checksum: _text(digest.digest())}
    size = sum(part.size for part in parts)
    return Content(name, size, md5.hexdigest(), digests=digests, parts=tuple(part.id for part in parts))


def _pieces(parts: list[Content]) -> Iterator[bytes]:
    for part in parts:
        yield from store.current().pieces(part.id, part.offset, part.size)


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
