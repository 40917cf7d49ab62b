"""The files of a PostgreSQL cluster: copying them, making them durable, giving a copy its own identity."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import secrets
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

from localaws.engines.account import Account
from localaws.errors import LocalawsError

IDENTIFIER_FORMAT = "<Q" if sys.byteorder == "little" else ">Q"
CRC_FORMAT = "<I" if sys.byteorder == "little" else ">I"
CRC_SEARCH = range(128, 1024, 4)
"""Where pg_control's checksum may be: its place depends on the version, its value tells."""
WAL_IDENTIFIER_OFFSET = 24
"""Place of `xlp_sysid` in the long header that opens each WAL segment."""
COPY_PIECE = 1 << 20
WAL_SEGMENT = re.compile(r"[0-9A-F]{24}")

Skip = Callable[[str], bool]


class ClusterDamaged(LocalawsError):
    """The files of a cluster are not what PostgreSQL writes."""


def copy_tree(source: Path, target: Path, account: Account | None, skip: Skip | None = None) -> None:
    """Copy a folder of plain files, private to the account; a file that vanishes meanwhile is left out.

    `skip` gets a path relative to `source`. Files share blocks where the file system can.
    """
    _copy_folder(str(source), str(target), "", account, skip or (lambda _: False))


def _copy_folder(source: str, target: str, relative: str, account: Account | None, skip: Skip) -> None:
    os.mkdir(target, 0o700)  # noqa: PTH102 - a thousand files: Path objects would double the time
    if account is not None:
        os.chown(target, account.uid, account.gid)
    with os.scandir(source) as found:
        entries = list(found)
    for entry in entries:
        name = f"{relative}{entry.name}"
        if skip(name):
            continue
        if entry.is_dir(follow_symlinks=False):
            _copy_folder(entry.path, f"{target}/{entry.name}", f"{name}/", account, skip)
        else:
            with contextlib.suppress(FileNotFoundError):
                copy_file(entry.path, f"{target}/{entry.name}", account)


def copy_file(source: str | Path, target: str | Path, account: Account | None) -> None:
    """Copy one file, private to the account."""
    reader = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if account is not None:
                os.fchown(writer, account.uid, account.gid)
            _copy_bytes(reader, writer)
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def _copy_bytes(reader: int, writer: int) -> None:
    try:
        while hasattr(os, "copy_file_range") and os.copy_file_range(reader, writer, COPY_PIECE):
            pass
    except OSError as error:
        # two file systems, or one that cannot
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    while piece := os.read(reader, COPY_PIECE):
        while piece:
            piece = piece[os.write(writer, piece) :]


def make_durable(folder: Path) -> None:
    """Return when everything below a folder is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if hasattr(library, "syncfs"):
            if library.syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), str(folder))
            return
    finally:
        os.close(descriptor)
    for path in [folder, *folder.rglob("*")]:
        with contextlib.suppress(FileNotFoundError):
            _synchronise(path)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def new_identity(data: Path) -> int:
    """Give a cluster that is not running a system identifier of its own, and return it.

    The identifier is kept in pg_control, under a CRC-32C, and in the first page of each WAL segment.
    """
    identifier = (int(time.time()) << 32) | secrets.randbits(32)
    packed = struct.pack(IDENTIFIER_FORMAT, identifier)
    for segment in (data / "pg_wal").iterdir():
        if WAL_SEGMENT.fullmatch(segment.name):
            with segment.open("r+b") as file:
                file.seek(WAL_IDENTIFIER_OFFSET)
                file.write(packed)
    control = data / "global" / "pg_control"
    content = control.read_bytes()
    place = _checksum_place(content, control)
    content = packed + content[len(packed) :]
    checksum = struct.pack(CRC_FORMAT, crc32c(content[:place]))
    with control.open("r+b") as file:
        file.write(content[:place] + checksum)
    return identifier


def system_identifier(data: Path) -> int:
    """Read a cluster's system identifier."""
    with (data / "global" / "pg_control").open("rb") as file:
        (identifier,) = struct.unpack(IDENTIFIER_FORMAT, file.read(8))
    return int(identifier)


def _checksum_place(content: bytes, control: Path) -> int:
    for place in CRC_SEARCH:
        if struct.unpack_from(CRC_FORMAT, content, place)[0] == crc32c(content[:place]):
            return place
    raise ClusterDamaged(f"{control} carries no valid checksum: restore the database from a snapshot")


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


CRC_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """Return the Castagnoli CRC that PostgreSQL protects its control file with."""
    value = 0xFFFFFFFF
    for byte in data:
        value = CRC_TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF
