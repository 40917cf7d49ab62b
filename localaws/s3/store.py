"""The files that hold the bytes of S3's objects.

A file is complete before the call that names it is journaled, and is removed once no object refers to it: at
the latest at the next start, when its call was never answered.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

PIECE = 1 << 20


class Sink(Protocol):
    """Something that wants to see the bytes while they pass: a digest."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""


class Store:
    """One folder of files (0600) with names that are never used again."""

    def __init__(self, root: Path, *, durable: bool) -> None:
        self.root = root
        self._durable = durable
        self._guard = threading.Lock()
        self._unclaimed: set[str] = set()
        self.untidy = True

    def path(self, name: str) -> Path:
        """Return the file's path."""
        return self.root / name

    def write(self, pieces: Iterable[bytes], sinks: Iterable[Sink] = (), name: str | None = None) -> str:
        """Write a file and return its name; it stays for as long as nobody calls `release`."""
        name = name or secrets.token_hex(16)
        watching = tuple(sinks)
        self._claim(name)
        try:
            self.root.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as stream:
                for piece in pieces:
                    stream.write(piece)
                    for sink in watching:
                        sink.update(piece)
                self._sync(stream)
        except BaseException:
            self.drop(name)
            raise
        return name

    def adopt(self, file: Path) -> str:
        """Take over a finished file of the same disk, under a new name."""
        name = secrets.token_hex(16)
        self._claim(name)
        self.root.mkdir(mode=0o700, exist_ok=True)
        file.chmod(0o600)
        shutil.move(file, self.path(name))
        return name

    def read(self, name: str, offset: int = 0, size: int = -1) -> bytes:
        """Return bytes of a file."""
        with self.path(name).open("rb") as stream:
            stream.seek(offset)
            return stream.read(size)

    def pieces(self, name: str, offset: int, size: int) -> Iterator[bytes]:
        """Open a file and return its bytes, a megabyte at a time: it may be removed meanwhile."""
        stream = self.path(name).open("rb")
        stream.seek(offset)
        return _pieces(stream, size)

    def release(self, name: str) -> None:
        """The call that wrote the file is over: from now on it stays only when an object refers to it."""
        with self._guard:
            self._unclaimed.discard(name)

    def drop(self, name: str) -> None:
        """Remove a file that no object will ever refer to."""
        with contextlib.suppress(FileNotFoundError):
            self.path(name).unlink()
        self.release(name)

    def names(self) -> set[str]:
        """Return the files that exist."""
        with contextlib.suppress(FileNotFoundError):
            return {entry.name for entry in os.scandir(self.root)}
        return set()

    def unclaimed(self) -> set[str]:
        """Return the files that a call under way is going to refer to."""
        with self._guard:
            return set(self._unclaimed)

    def _claim(self, name: str) -> None:
        with self._guard:
            self._unclaimed.add(name)

    def _sync(self, stream: BinaryIO) -> None:
        stream.flush()
        if self._durable:
            getattr(os, "fdatasync", os.fsync)(stream.fileno())


def _pieces(stream: BinaryIO, size: int) -> Iterator[bytes]:
    with stream:
        while size > 0 and (piece := stream.read(min(PIECE, size))):
            size -= len(piece)
            yield piece


_current: list[Store] = []


def use(root: Path, *, durable: bool) -> None:
    """Keep the bytes of this process's objects there."""
    if [store.root for store in _current] != [root]:
        _current[:] = [Store(root, durable=durable)]


def current() -> Store:
    """Return the store in use."""
    return _current[0]
