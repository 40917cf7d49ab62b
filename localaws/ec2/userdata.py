"""User data: which of it is a script that runs when an instance starts.

AWS: "Run commands when you launch an EC2 instance with user data input".
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib

LARGEST = 16384
_GZIP = b"\x1f\x8b"


def decoded(encoded: object) -> bytes:
    """Return user data as it was written; packed data are unpacked."""
    try:
        data = base64.b64decode(str(encoded or ""))
        return gzip.decompress(data) if data.startswith(_GZIP) else data
    except (binascii.Error, OSError, EOFError, zlib.error):
        return b""


def script(encoded: object) -> bytes | None:
    """Return the script that user data consist of, or None."""
    data = decoded(encoded)
    return data if data.startswith(b"#!") else None
