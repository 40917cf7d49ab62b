"""S3's objects and multipart uploads: moto's, with their bytes in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import moto.s3.models as base
from moto.moto_api._internal import mock_random
from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML

from localaws.s3 import store
from localaws.s3.content import Content
from localaws.s3.digests import COMPOSITE

CONTENT: ContextVar[Content | None] = ContextVar("content", default=None)
"""The bytes that the call under way has brought along."""


class Key(base.FakeKey):
    """One version of an object."""

    content: Content
    _etag: str | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._value_buffer.close()
        del self._value_buffer

    @property
    def value(self) -> bytes:
        """The bytes themselves, for those of moto's services that read an object."""
        return self.content.read()

    @value.setter
    def value(self, given: Content | bytes | str) -> None:
        if not isinstance(given, Content):
            data = given.encode() if isinstance(given, str) else bytes(given)
            name = store.current().write([data], name=mock_random.uuid4().hex)
            store.current().release(name)
            given = Content(name, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest())
        self.content = given
        self.contentsize = given.size

    @property
    def etag(self) -> str:
        """The entity tag, in quotes."""
        if self._etag is None:
            self._etag = self.content.md5 or _md5(self.content)
        return f'"{self._etag}"'

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def dispose(self, garbage: bool = False) -> None:  # noqa: ARG002 - moto's signature
        """Note that its file may not be needed any more."""
        self.disposed = True
        store.current().untidy = True

    def __del__(self) -> None:
        return


def _md5(content: Content) -> str:
    total = hashlib.md5(usedforsecurity=False)
    for piece in store.current().pieces(content.id, content.offset, content.size):
        total.update(piece)
    return total.hexdigest()


class Multipart(base.FakeMultipart):
    """An upload in parts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # moto's comes from the operating system: a replay would not find its parts again
        self.id = mock_random.get_random_hex(64)

    @property
    def full_object_checksum(self) -> str | None:
        """The algorithm of the checksum that goes over all bytes."""
        algorithm: str | None = self.metadata.get("x-amz-checksum-algorithm")
        return algorithm if self._checksum_type == "FULL_OBJECT" else None

    @property
    def composite_checksum(self) -> str | None:
        """The algorithm of the checksum that goes over the parts' checksums."""
        algorithm: str | None = self.metadata.get("x-amz-checksum-algorithm")
        return algorithm if self._checksum_type == COMPOSITE else None

    @property
    def _checksum_type(self) -> str:
        algorithm = self.metadata.get("x-amz-checksum-algorithm")
        fallback = "FULL_OBJECT" if algorithm == "CRC64NVME" else COMPOSITE
        return str(self.metadata.get("x-amz-checksum-type") or fallback)

    def complete(self, body: Iterable[tuple[int, str]]) -> tuple[Content, str, tuple[str, str, int] | None]:
        """Return the object's bytes, entity tag and checksum."""
        chosen = [(number, self._part(number, etag)) for number, etag in body]
        if not chosen:
            raise MalformedXML
        parts = [part for _, part in chosen]
        if any(part.size < base.S3_UPLOAD_PART_MIN_SIZE for part in parts[:-1]):
            raise EntityTooSmall
        content = CONTENT.get()
        if content is None or content.parts != tuple(part.content.id for part in parts):
            # a part was uploaded again in this very moment
            raise InvalidPart
        tags = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
        etag = f"{hashlib.md5(tags, usedforsecurity=False).hexdigest()}-{len(parts)}"
        checksum = self._checksum(parts, content)
        self._move_into(content, chosen)
        return content, etag, checksum

    def _part(self, number: int, etag: str) -> Key:
        part = self.parts.get(number)
        if part is None or part.etag.strip('"') != etag.strip('"'):
            raise InvalidPart
        assert isinstance(part, Key)
        return part

    def _checksum(self, parts: list[Key], content: Content) -> tuple[str, str, int] | None:
        algorithm = self.metadata.get("x-amz-checksum-algorithm")
        if algorithm is None:
            return None
        name = algorithm if self._checksum_type == "FULL_OBJECT" else COMPOSITE
        value = content.digests.get(name)
        if value is None:
            return None
        return self._checksum_type, value, len(parts) if name == COMPOSITE else 1

    def _move_into(self, content: Content, chosen: list[tuple[int, Key]]) -> None:
        """Let the parts lie in the whole, and forget those that were not chosen."""
        offset = 0
        for _, part in chosen:
            slice_ = content[offset : offset + part.size]
            offset += part.size
            part.content = Content(
                slice_.id, part.size, part.content.md5, slice_.offset, part.content.digests
            )
        self.parts = dict(chosen)
        self.partlist = [number for number, _ in chosen]
        store.current().untidy = True
