"""The checksums of an upload; what the client states is compared: "Checking object integrity"."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Mapping
from typing import Protocol

from localaws.faults import Fault

PREFIX = "x-amz-checksum-"
COMPUTED = ("CRC32", "SHA1", "SHA256")
COMPOSITE = "COMPOSITE"
STATED_ONLY = ("CRC32C", "CRC64NVME")
"""No library that is always there computes these: the client's value is kept as it is."""


class Crc32:
    """CRC-32 in the shape of hashlib's digests."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """Return the checksum, big-endian."""
        return self._value.to_bytes(4, "big")


class Digest(Protocol):
    """What computes a checksum."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """Return the checksum."""


def digest_of(algorithm: str) -> Digest:
    """Return an empty digest of one of COMPUTED."""
    return Crc32() if algorithm == "CRC32" else hashlib.new(algorithm.lower(), usedforsecurity=False)


def composite(algorithm: str, parts: list[str]) -> str:
    """Return the checksum of the parts' checksums."""
    total = digest_of(algorithm)
    for part in parts:
        total.update(base64.b64decode(part))
    return base64.b64encode(total.digest()).decode()


class Digests:
    """The digests of one body, computed while it passes."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0
        stated = headers.get("x-amz-content-sha256", "")
        self._sha256 = hashlib.sha256() if len(stated) == hashlib.sha256().digest_size * 2 else None
        self._asked = {name: digest_of(name) for name in COMPUTED if name in self._wanted()}

    def _wanted(self) -> set[str]:
        names = {name.removeprefix(PREFIX).upper() for name in self._headers if name.startswith(PREFIX)}
        trailers = self._headers.get("x-amz-trailer", "").lower().split(",")
        names |= {name.strip().removeprefix(PREFIX).upper() for name in trailers}
        return names | {self._headers.get("x-amz-sdk-checksum-algorithm", "").upper()}

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""
        self.size += len(data)
        self.md5.update(data)
        if self._sha256 is not None:
            self._sha256.update(data)
        for digest in self._asked.values():
            digest.update(data)

    def checked(self, trailers: Mapping[str, str]) -> dict[str, str]:
        """Return the checksums by algorithm, or raise AWS's Fault for one that is not as stated."""
        if self._sha256 is not None and self._sha256.hexdigest() != self._headers["x-amz-content-sha256"]:
            raise Fault(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        self._check_md5()
        found = {name: base64.b64encode(digest.digest()).decode() for name, digest in self._asked.items()}
        for algorithm in (*COMPUTED, *STATED_ONLY):
            name = PREFIX + algorithm.lower()
            stated = trailers.get(name) or self._headers.get(name)
            if stated and found.setdefault(algorithm, stated) != stated:
                raise Fault(
                    "BadDigest", f"The {algorithm} you specified did not match the calculated checksum."
                )
        return found

    def _check_md5(self) -> None:
        stated = self._headers.get("content-md5")
        if stated is None:
            return
        try:
            expected = base64.b64decode(stated, validate=True)
        except binascii.Error:
            expected = b""
        if len(expected) != self.md5.digest_size:
            raise Fault("InvalidDigest", "The Content-MD5 you specified was invalid.")
        if expected != self.md5.digest():
            raise Fault("BadDigest", "The Content-MD5 you specified did not match what we received.")
