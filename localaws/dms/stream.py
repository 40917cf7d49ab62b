"""A source's changes as they come: a walsender's connection, its keepalives and confirmations."""

from __future__ import annotations

import select
import struct
import time
from typing import Any

import psycopg
from psycopg import pq

from localaws.dms.pgoutput import EPOCH, Message, decode, lsn_text

CONFIRM_SECONDS = 1.0
_WAL, _ALIVE = ord("w"), ord("k")


class Stream:
    """Reads the messages of a slot; `confirm` lets the source forget what was applied."""

    def __init__(self, connection: psycopg.Connection[Any], slot: str, publications: list[str]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self.reached = 0
        """How far the source's WAL has been read."""
        self._confirmed = 0
        self._told = 0.0
        names = ",".join(f'"{name}"' for name in publications)
        command = (
            f'START_REPLICATION SLOT "{slot}" LOGICAL 0/0 '
            f"(proto_version '1', publication_names '{names.replace(chr(39), chr(39) * 2)}')"
        )
        self._pgconn.send_query(command.encode())
        self._begin()

    def _begin(self) -> None:
        while self._pgconn.is_busy() or self._pgconn.flush():
            self._wait(None)
        result = self._pgconn.get_result()
        if result is None or result.status != pq.ExecStatus.COPY_BOTH:
            raise psycopg.OperationalError(_complaint(self._pgconn, result))

    def read(self, seconds: float) -> list[Message]:
        """Return the messages that are there; waits up to `seconds` for the first ones."""
        found = self._take()
        if not found:
            self._wait(seconds)
            found = self._take()
        if time.monotonic() - self._told > CONFIRM_SECONDS:
            self.confirm(self._confirmed)
        return found

    def _take(self) -> list[Message]:
        found: list[Message] = []
        while len(found) < 2000:
            size, data = self._pgconn.get_copy_data(1)
            if size == 0:
                break
            if size < 0:
                raise psycopg.OperationalError(_complaint(self._pgconn, self._pgconn.get_result()))
            message = self._open(bytes(data))
            if message is not None:
                found.append(message)
        return found

    def _open(self, data: bytes) -> Message | None:
        if data[0] == _WAL:
            (start,) = struct.unpack_from("!Q", data, 1)
            self.reached = max(self.reached, start)
            return decode(data[25:])
        if data[0] == _ALIVE:
            end, _, wanted = struct.unpack_from("!QqB", data, 1)
            self.reached = max(self.reached, end)
            if wanted:
                self.confirm(self._confirmed)
        return None

    def confirm(self, position: int) -> None:
        """Tell the source that everything before a position is at the target for good."""
        self._confirmed = max(self._confirmed, position)
        self._told = time.monotonic()
        now = time.time_ns() // 1000 - EPOCH
        place = self._confirmed
        self._pgconn.put_copy_data(struct.pack("!cQQQqB", b"r", place, place, place, now, 0))
        while self._pgconn.flush():
            select.select([], [self._pgconn.socket], [], 1.0)

    def confirm_later(self, position: int) -> None:
        """The same, with the next confirmation that is due."""
        self._confirmed = max(self._confirmed, position)

    def _wait(self, seconds: float | None) -> None:
        ready, _, _ = select.select([self._pgconn.socket], [], [], seconds)
        if ready:
            self._pgconn.consume_input()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def _complaint(pgconn: Any, result: Any) -> str:
    text = (result.error_message if result is not None else b"") or pgconn.error_message
    return " ".join(text.decode(errors="replace").split()) or "the source ended the stream"


def position_text(position: int) -> str | None:
    """How RecoveryCheckpoint shows a position."""
    return None if not position else f"checkpoint:V1#0#{lsn_text(position)}#0#0#*#0#0"
