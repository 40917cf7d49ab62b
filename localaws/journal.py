"""The journal: every change of the model, on disk before it is answered.

A segment is a row of records: length and CRC-32 (big-endian, 4 bytes each), one line of JSON, raw bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localaws.errors import RestoreFailed

HEAD = struct.Struct(">II")
SYNC_SECONDS = 1.0

Record = tuple[dict[str, Any], bytes]


class Journal:
    """An append-only row of numbered segments; one writer."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._folder = folder
        self._durable = durable
        self._file: int | None = None
        self._dirty = threading.Event()
        self._closed = threading.Event()
        self._syncing: threading.Thread | None = None
        self._guard = threading.Lock()
        self.segment = 0
        self.length = 0
        self.count = 0

    def read(self, first: int) -> Iterator[Record]:
        """Yield the records from segment `first` on, and leave the journal open for writing after them."""
        segments = sorted(path for path in self._folder.glob("*.log") if int(path.stem) >= first)
        for path in segments:
            yield from self._read_segment(path, last=path == segments[-1])
        self._open(max([first, *(int(path.stem) for path in segments)]))

    def _read_segment(self, path: Path, *, last: bool) -> Iterator[Record]:
        content = path.read_bytes()
        position = 0
        while position < len(content):
            payload = _payload(content, position)
            if payload is None:
                if not last:
                    raise RestoreFailed(
                        f"The journal {path} is damaged at byte {position}. Restore the state folder from a "
                        "backup, or run `localaws reset` to start afresh."
                    )
                # The machine stopped in the middle of this record, so nobody was ever answered.
                os.truncate(path, position)
                return
            line, _, blob = payload.partition(b"\n")
            yield json.loads(line), blob
            self.count += 1
            position += HEAD.size + len(payload)

    def _open(self, segment: int) -> None:
        path = self._folder / f"{segment:06d}.log"
        self.segment = segment
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.length = os.fstat(self._file).st_size
        if self._durable and self._syncing is None:
            self._syncing = threading.Thread(target=self._sync_often, name="journal", daemon=True)
            self._syncing.start()

    def append(self, head: dict[str, Any], blob: bytes = b"") -> int:
        """Write a record; return the position to give to `take_back`. OSError when the disk is full."""
        assert self._file is not None
        payload = json.dumps(head, separators=(",", ":")).encode() + b"\n" + blob
        data = HEAD.pack(len(payload), zlib.crc32(payload)) + payload
        before = self.length
        try:
            written = os.write(self._file, data)
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            os.ftruncate(self._file, before)
            raise
        self.length += len(data)
        self.count += 1
        self._dirty.set()
        return before

    def take_back(self, position: int) -> None:
        """Remove the last record: its call changed nothing."""
        assert self._file is not None
        os.ftruncate(self._file, position)
        self.length = position
        self.count -= 1

    def rotate(self) -> int:
        """Begin a new segment and return its number: a snapshot made now contains all before it."""
        with self._guard:
            self._sync()
            if self._file is not None:
                os.close(self._file)
            self._open(self.segment + 1)
        self.count = 0
        return self.segment

    def forget(self, before: int) -> None:
        """Delete the segments that a complete snapshot has made superfluous."""
        for path in self._folder.glob("*.log"):
            if int(path.stem) < before:
                path.unlink()

    def close(self) -> None:
        """Write everything to disk and end."""
        self._closed.set()
        self._dirty.set()
        if self._syncing is not None:
            self._syncing.join()
        with self._guard:
            self._sync()
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _sync_often(self) -> None:
        while not self._closed.is_set():
            self._dirty.wait()
            self._dirty.clear()
            with self._guard:
                self._sync()
            self._closed.wait(SYNC_SECONDS)

    def _sync(self) -> None:
        if self._durable and self._file is not None:
            with contextlib.suppress(OSError):
                getattr(os, "fdatasync", os.fsync)(self._file)


def _payload(content: bytes, position: int) -> bytes | None:
    if position + HEAD.size > len(content):
        return None
    length, checksum = HEAD.unpack_from(content, position)
    payload = content[position + HEAD.size : position + HEAD.size + length]
    return payload if len(payload) == length and zlib.crc32(payload) == checksum else None
