"""Bulk copy from one PostgreSQL server to another: COPY's rows pass through without being looked into."""

from __future__ import annotations

import contextlib
import select
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg
from psycopg import pq

from localaws.dms.tables import TableFailed

PORTION = 1 << 18
"""Bytes that are handed on at a time."""
LOOK = 0.5

Note = Callable[[int, int], None]
"""Is told rows and bytes that were handed on; raises to stop the copy."""


class Lost(psycopg.OperationalError):
    """A connection broke in the middle of a copy."""


def read(connection: psycopg.Connection[Any], query: str, note: Note) -> Iterator[bytes]:
    """Yield the output of a COPY in portions of whole rows."""
    pgconn = connection.pgconn
    pgconn.send_query(query.encode())
    _await(pgconn, pq.ExecStatus.COPY_OUT)
    rows: list[bytes] = []
    size = 0
    while True:
        length, data = pgconn.get_copy_data(1)
        if length > 0:
            rows.append(bytes(data))
            size += length
            if size >= PORTION:
                note(len(rows), size)
                yield b"".join(rows)
                rows, size = [], 0
        elif length == 0:
            _read(pgconn, note)
        else:
            break
    _finish(pgconn)
    note(len(rows), size)
    if rows:
        yield b"".join(rows)


def write(connection: psycopg.Connection[Any], query: str, portions: Iterable[bytes]) -> None:
    """Feed portions into a COPY; TableFailed when the target does not take the rows."""
    pgconn = connection.pgconn
    pgconn.send_query(query.encode())
    _await(pgconn, pq.ExecStatus.COPY_IN)
    try:
        for portion in portions:
            pgconn.put_copy_data(portion)
            _flush(pgconn)
    except BaseException:
        with contextlib.suppress(psycopg.Error):
            pgconn.put_copy_end(b"the source has ended")
            _flush(pgconn)
            _finish(pgconn)
        raise
    pgconn.put_copy_end(None)
    _flush(pgconn)
    _finish(pgconn)


def abandon(connection: psycopg.Connection[Any]) -> None:
    """Read what is left of a COPY that was cancelled."""
    pgconn = connection.pgconn
    while pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
        length, _ = pgconn.get_copy_data(1)
        if length == 0:
            _read(pgconn)
        elif length < 0:
            _drain(pgconn)
            return


def _await(pgconn: Any, wanted: pq.ExecStatus) -> None:
    _flush(pgconn)
    while pgconn.is_busy():
        _read(pgconn)
    result = pgconn.get_result()
    if result is None or result.status != wanted:
        message = _message(pgconn, result)
        _drain(pgconn)
        raise _failure(pgconn, message)


def _flush(pgconn: Any) -> None:
    while pgconn.flush():
        readable, _, _ = select.select([pgconn.socket], [pgconn.socket], [], LOOK)
        if readable:
            # what the server complains of meanwhile must be read, or both sides wait for ever
            pgconn.consume_input()


def _read(pgconn: Any, note: Note | None = None) -> None:
    readable, _, _ = select.select([pgconn.socket], [], [], LOOK)
    if readable:
        pgconn.consume_input()
    elif note is not None:
        note(0, 0)


def _finish(pgconn: Any) -> None:
    while pgconn.is_busy():
        _read(pgconn)
    result = pgconn.get_result()
    message = None
    if result is None or result.status != pq.ExecStatus.COMMAND_OK:
        message = _message(pgconn, result)
    _drain(pgconn)
    if message is not None:
        raise _failure(pgconn, message)


def _drain(pgconn: Any) -> None:
    while True:
        while pgconn.is_busy():
            _read(pgconn)
        if pgconn.get_result() is None:
            return


def _message(pgconn: Any, result: Any) -> str:
    text = (result.error_message if result is not None else b"") or pgconn.error_message
    return " ".join(text.decode(errors="replace").split())


def _failure(pgconn: Any, message: str) -> Exception:
    if pgconn.status == pq.ConnStatus.BAD:
        return Lost(message)
    if "terminating connection" in message or "57P0" in message:
        return Lost(message)
    return TableFailed(message)
