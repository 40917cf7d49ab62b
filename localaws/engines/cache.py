"""What is made once for each user of a machine, and kept in the user's cache."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

from localaws.engines.account import private_folder
from localaws.engines.process import EngineFailed


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of the cache; on the first call on a machine, `make` makes it, whole or not at all."""
    folder = _cache() / name
    if not folder.exists():
        with _only_one(folder.with_suffix(".lock")):
            if not folder.exists():
                make(folder)
    return folder


def _cache() -> Path:
    folder = platformdirs.user_cache_path("localaws", appauthor=False)
    try:
        return private_folder(folder)
    except OSError as error:
        raise EngineFailed(
            f"{folder} cannot be used ({error.strerror}): set XDG_CACHE_HOME to a folder you can write to"
        ) from error


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
