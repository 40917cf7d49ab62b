"""The tables of a store's SQLite database, and the statements on them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localaws.dynamodb.records import Step
    from localaws.dynamodb.schema import IndexSchema
    from localaws.dynamodb.store import Range

BUSY_SECONDS = 10.0
CACHE_KIB = 1024

TABLES = """
CREATE TABLE IF NOT EXISTS items (
    h BLOB NOT NULL, r BLOB NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (h, r)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, event TEXT NOT NULL, keys BLOB NOT NULL,
    old BLOB, new BLOB, user TEXT
);
CREATE INDEX IF NOT EXISTS changes_at ON changes (at);
CREATE TABLE IF NOT EXISTS indexes (name TEXT PRIMARY KEY, definition TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS marks (slot INTEGER PRIMARY KEY, id TEXT NOT NULL);
"""

GET = "SELECT size, body FROM items WHERE h = ? AND r = ?"
CHANGES = "SELECT seq, at, event, keys, old, new, user FROM changes WHERE seq > ? ORDER BY seq LIMIT ?"
UNDO = "SELECT seq, at, event, keys, old, new, user FROM changes WHERE at > ? ORDER BY seq DESC"


def connect(path: Path, *, durable: bool, existing: bool = False) -> sqlite3.Connection:
    """Open a store's database for use by several threads, one at a time."""
    mode = "rw" if existing else "rwc"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'NORMAL' if durable else 'OFF'}")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables that are missing."""
    connection.executescript(TABLES)


def quoted(index: str) -> str:
    """Return the name of an index's table."""
    return '"index ' + index.replace('"', '""') + '"'


def indexes(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the indexes."""
    return [name for name, _ in definitions(connection)]


def definitions(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the names and definitions of the indexes."""
    return connection.execute("SELECT name, definition FROM indexes").fetchall()


def definition(index: IndexSchema) -> str:
    """Return what decides about an index's content."""
    key = [[attribute.name, attribute.type] for attribute in index.attributes]
    return json.dumps([key, index.projection, sorted(index.included)])


def make_index(connection: sqlite3.Connection, index: IndexSchema) -> None:
    """Make an index's table, empty when its definition is another one."""
    table = quoted(index.name)
    connection.execute("BEGIN IMMEDIATE")
    found = connection.execute("SELECT definition FROM indexes WHERE name = ?", (index.name,)).fetchone()
    if found is not None and found[0] != definition(index):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {table} (h BLOB NOT NULL, r BLOB NOT NULL, th BLOB NOT NULL, tr BLOB "
        "NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (h, r, th, tr)) WITHOUT ROWID"
    )
    connection.execute("REPLACE INTO indexes VALUES (?, ?)", (index.name, definition(index)))
    connection.execute("COMMIT")


def drop_index(connection: sqlite3.Connection, name: str) -> None:
    """Drop an index's table."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"DROP TABLE IF EXISTS {quoted(name)}")
    connection.execute("DELETE FROM indexes WHERE name = ?", (name,))
    connection.execute("COMMIT")


def execute(connection: sqlite3.Connection, step: Step, existing: Collection[str]) -> None:
    """Carry out a step; one for an index that was dropped meanwhile does nothing."""
    if step.kind == "put":
        connection.execute("REPLACE INTO items VALUES (?, ?, ?, ?)", step.values)
    elif step.kind == "delete":
        connection.execute("DELETE FROM items WHERE h = ? AND r = ?", step.values)
    elif step.kind == "log":
        connection.execute(
            "INSERT INTO changes (at, event, keys, old, new, user) VALUES (?, ?, ?, ?, ?, ?)", step.values
        )
    elif step.target not in existing:
        return
    elif step.kind == "index put":
        connection.execute(f"REPLACE INTO {quoted(step.target)} VALUES (?, ?, ?, ?, ?, ?)", step.values)
    else:
        connection.execute(
            f"DELETE FROM {quoted(step.target)} WHERE h = ? AND r = ? AND th = ? AND tr = ?", step.values
        )


def leave_mark(connection: sqlite3.Connection, mark: str) -> bool:
    """Leave the mark of a transaction in place of the last one's; return whether it is new."""
    if connection.execute("SELECT 1 FROM marks WHERE id = ?", (mark,)).fetchone():
        return False
    connection.execute("REPLACE INTO marks VALUES (1, ?)", (mark,))
    return True


def select(wanted: Range) -> tuple[str, tuple[bytes, ...]]:
    """Return the statement that reads a range, and its bounds; the limit comes last."""
    if wanted.index is None:
        table, columns = "items", "h, r, h, r, size, body"
        key: tuple[str, ...] = ("h", "r")
    else:
        table, key = quoted(wanted.index), ("h", "r", "th", "tr")
        columns = "h, r, th, tr, size, body"
    conditions: list[str] = []
    bounds: list[bytes] = []
    for operator, bound in _bounds(wanted):
        names = ", ".join(key[: len(bound)])
        conditions.append(f"({names}) {operator} ({', '.join('?' * len(bound))})")
        bounds += bound
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    way = " DESC" if wanted.backwards else ""
    order = ", ".join(f"{name}{way}" for name in key)
    return f"SELECT {columns} FROM {table} {where}ORDER BY {order} LIMIT ?", tuple(bounds)


def _bounds(wanted: Range) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    # the row to go on behind lies within the range, so it takes the place of one bound
    if wanted.after:
        yield "<" if wanted.backwards else ">", wanted.after
    if wanted.low and (wanted.backwards or not wanted.after):
        yield ">=", wanted.low
    if wanted.high and not (wanted.backwards and wanted.after):
        yield "<", wanted.high


def total_of(index: str | None) -> str:
    """Return the statement that counts the rows and their bytes."""
    table = "items" if index is None else quoted(index)
    return f"SELECT count(*), coalesce(sum(size), 0) FROM {table}"


def sum_of(index: str | None) -> str:
    """Return the statement that sums the bytes of a partition key."""
    table = "items" if index is None else quoted(index)
    return f"SELECT coalesce(sum(size), 0) FROM {table} WHERE h = ?"


def expired(attribute: str) -> str:
    """Return the statement that finds items by the number of an attribute; `index_expiry` makes it fast."""
    moment = _number(attribute)
    return f"SELECT body FROM items WHERE {moment} BETWEEN ? AND ? AND {moment} IS NOT NULL LIMIT ?"


def index_expiry(connection: sqlite3.Connection, attribute: str) -> None:
    """Keep the items that have a number of this attribute in its order, and of no other attribute."""
    moment = _number(attribute)
    wanted = f"CREATE INDEX expiry ON items ({moment}) WHERE {moment} IS NOT NULL"
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("SELECT sql FROM sqlite_master WHERE name = 'expiry'").fetchone() != (wanted,):
        connection.execute("DROP INDEX IF EXISTS expiry")
        connection.execute(wanted)
    connection.execute("COMMIT")


def _number(attribute: str) -> str:
    """Return the expression of an attribute's number; without parameters, as indexes have to be."""
    path = f"$.{json.dumps(attribute)}.N".replace("'", "''")
    return f"CAST(json_extract(body, '{path}') AS NUMERIC)"
