"""The messages of PostgreSQL's logical replication (protocol version 1, plugin pgoutput).

PostgreSQL: "Logical Replication Message Formats". Values stay the text that the source's types print.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

EPOCH: Final = 946_684_800_000_000
"""Microseconds from 1970 to 2000, where PostgreSQL's time begins."""


class Unchanged:
    """Stands for a large value that an update left as it was: it does not travel."""


UNCHANGED: Final = Unchanged()

Value = str | None | Unchanged
Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column as a Relation message tells of it."""

    name: str
    key: bool
    type_oid: int
    modifier: int


@dataclass(frozen=True, slots=True)
class Relation:
    """A table's shape; it comes before the first change, and again when it has changed."""

    oid: int
    schema: str
    name: str
    identity: str
    """Replica identity: d(efault), n(othing), f(ull) or i(ndex)."""
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """A transaction begins; `lsn` is where its commit is in the WAL."""

    lsn: int
    time: int
    """Commit time, microseconds since 1970."""
    xid: int


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction ends; `end` is the position behind it."""

    lsn: int
    end: int
    time: int


@dataclass(frozen=True, slots=True)
class Change:
    """A row was changed. `kind` is I, U or D; `old` is the former key, or the whole row ("full")."""

    kind: str
    oid: int
    old: Row | None
    full: bool
    new: Row | None


@dataclass(frozen=True, slots=True)
class Truncate:
    """Tables were emptied."""

    oids: tuple[int, ...]


Message = Relation | Begin | Commit | Change | Truncate


def decode(data: bytes) -> Message | None:
    """Return one message; None for one that nobody needs (types, origins)."""
    kind = data[:1]
    if kind in b"IUD":
        return _change(chr(kind[0]), data)
    if kind == b"B":
        lsn, time, xid = struct.unpack_from("!QqI", data, 1)
        return Begin(lsn, time + EPOCH, xid)
    if kind == b"C":
        _, lsn, end, time = struct.unpack_from("!BQQq", data, 1)
        return Commit(lsn, end, time + EPOCH)
    if kind == b"R":
        return _relation(data)
    if kind == b"T":
        (count,) = struct.unpack_from("!I", data, 1)
        return Truncate(struct.unpack_from(f"!{count}I", data, 6))
    return None


def _relation(data: bytes) -> Relation:
    (oid,) = struct.unpack_from("!I", data, 1)
    schema, position = _text(data, 5)
    name, position = _text(data, position)
    identity = chr(data[position])
    (count,) = struct.unpack_from("!H", data, position + 1)
    position += 3
    attributes = []
    for _ in range(count):
        key = bool(data[position] & 1)
        column, position = _text(data, position + 1)
        type_oid, modifier = struct.unpack_from("!Ii", data, position)
        position += 8
        attributes.append(Attribute(column, key, type_oid, modifier))
    return Relation(oid, schema or "pg_catalog", name, identity, tuple(attributes))


def _change(kind: str, data: bytes) -> Change:
    (oid,) = struct.unpack_from("!I", data, 1)
    position = 5
    old: Row | None = None
    full = False
    if data[position] in b"KO":
        full = data[position] == ord("O")
        old, position = _row(data, position + 1)
    new = _row(data, position + 1)[0] if kind != "D" else None
    return Change(kind, oid, old, full, new)


def _row(data: bytes, position: int) -> tuple[Row, int]:
    (count,) = struct.unpack_from("!H", data, position)
    position += 2
    values: list[Value] = []
    for _ in range(count):
        kind = data[position]
        position += 1
        if kind == 0x74:
            (length,) = struct.unpack_from("!I", data, position)
            position += 4
            values.append(data[position : position + length].decode())
            position += length
        else:
            values.append(None if kind == 0x6E else UNCHANGED)
    return tuple(values), position


def _text(data: bytes, position: int) -> tuple[str, int]:
    end = data.index(b"\0", position)
    return data[position:end].decode(), end + 1


def lsn_text(position: int) -> str:
    """Write a WAL position as PostgreSQL does."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def lsn_number(text: str) -> int:
    """Read a WAL position."""
    high, _, low = text.strip().partition("/")
    return (int(high, 16) << 32) + int(low, 16)
