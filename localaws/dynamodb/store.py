"""A table's items, their copies in its indexes, and the log of its changes: one SQLite database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.dynamodb.schema import IndexSchema, TableSchema

Item = dict[str, dict[str, Any]]
"""Attributes in DynamoDB's JSON, numbers in canonical form."""
Place = tuple[bytes, bytes]
"""Partition key (after 4 bytes of its hash) and sort key (empty when there is none), order-preserving."""


@dataclass(frozen=True)
class Change:
    """An item written (`new`), replaced (both) or deleted (`old`)."""

    old: Item | None
    new: Item | None
    user: str | None = None
    """The principal when it is a service: `dynamodb.amazonaws.com` for TTL."""


@dataclass(frozen=True)
class Logged:
    """A row of the change log; `time` in epoch microseconds, `event` is INSERT, MODIFY or REMOVE."""

    sequence: int
    time: int
    event: str
    keys: Item
    old: Item | None
    new: Item | None
    user: str | None


class TableStore:
    """One writer at a time; readers see what was committed."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock: read, decide, then `write`."""
        raise NotImplementedError

    def write(self, schema: TableSchema, changes: Sequence[Change]) -> None:
        """Carry out the changes, in the indexes and the log too, in one transaction; under `writing`."""
        raise NotImplementedError

    def get(self, place: Place) -> Item | None:
        """Return the item at a key."""
        raise NotImplementedError

    def count(self, index: str | None = None) -> int:
        """Return how many items the table or an index holds."""
        raise NotImplementedError

    def size(self, index: str | None = None) -> int:
        """Return their size in bytes by DynamoDB's rules (100 bytes of overhead each are not counted)."""
        raise NotImplementedError

    def changes(self, after: int, limit: int) -> list[Logged]:
        """Return the logged changes with a higher sequence number, oldest first."""
        raise NotImplementedError

    def last_change(self) -> int:
        """Return the highest sequence number ever given; 0 when there was none."""
        raise NotImplementedError

    def trim_changes(self, before: int) -> int:
        """Forget the changes older than `before` (epoch microseconds); return how many."""
        raise NotImplementedError

    def build_index(self, schema: TableSchema, index: IndexSchema, batch: int = 500) -> Iterator[int]:
        """Fill a new index; yields the number of items done after each batch, writers work in between.

        Writes keep an index up to date from the moment their schema names it.
        """
        raise NotImplementedError

    def drop_index(self, name: str) -> None:
        """Delete an index; one that is gone is no error."""
        raise NotImplementedError

    def undo_after(self, schema: TableSchema, time_us: int) -> None:
        """Take back every logged change later than `time_us`, newest first."""
        raise NotImplementedError

    def expired(self, schema: TableSchema, attribute: str, now: int, limit: int) -> list[Item]:
        """Return items whose number `attribute` (epoch seconds) is past and at most five years old."""
        raise NotImplementedError

    def close(self) -> None:
        """Close all connections."""
        raise NotImplementedError
