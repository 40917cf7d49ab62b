"""A table's stream: the changes of its log between the moments at which it was turned on and off.

The model: a stream has one shard, which is closed when the stream is turned off (AWS: one for each partition,
replaced every few hours). Its changes can be read for 24 hours.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localaws.dynamodb import values

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.dynamodb.store import Logged, TableStore
    from localaws.dynamodb.stores import Stores

DAY_US = 86_400_000_000
FIRST = 10**20
"""Sequence numbers have at least 21 digits."""
LARGEST_PAGE = 1 << 20
CHUNK = 200


@dataclass(frozen=True)
class Stream:
    """A stream of a table that may be gone; times in epoch microseconds."""

    account_id: str
    region: str
    table_id: str
    table: str
    key_schema: tuple[dict[str, str], ...]
    arn: str
    label: str
    view: str
    since: int
    until: int | None

    @property
    def shard(self) -> str:
        """The id of its shard."""
        digest = hashlib.blake2b(self.arn.encode(), digest_size=4).hexdigest()
        return f"shardId-{self.since // 1000:020d}-{digest}"

    def readable(self) -> bool:
        """Whether it is on, or was within the last day."""
        return self.until is None or self.until > _now() - DAY_US

    def store(self, stores: Stores) -> TableStore:
        """The store with its changes."""
        return stores.open(self.account_id, self.region, self.table_id)

    def first(self, store: TableStore) -> int:
        """The sequence number after which its readable changes begin."""
        return after_moment(store, max(self.since, _now() - DAY_US))

    def last(self, store: TableStore) -> int:
        """The sequence number of its last change until now."""
        return store.last_change() if self.until is None else after_moment(store, self.until)


def _now() -> int:
    return time.time_ns() // 1000


def microseconds(moment: datetime) -> int:
    """A time of the model (UTC) in epoch microseconds."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000_000)


def after_moment(store: TableStore, moment: int) -> int:
    """The sequence number of the last change before a moment."""
    low, high = 0, store.last_change()
    while low < high:
        middle = (low + high) // 2
        found = store.changes(middle, 1)
        if not found or found[0].time >= moment:
            high = middle
        else:
            low = found[0].sequence
    return low


def streams(control: ControlPlane) -> list[Stream]:
    """All streams that can be read, by their ARNs."""
    with control.lock:
        found = [
            _stream(account, region, table, entry)
            for account, region, backend in control.backends("dynamodb")
            for tables in (backend.tables, backend.streams_left)
            for table in tables.values()
            for entry in table.streams
        ]
    return sorted((stream for stream in found if stream.readable()), key=lambda stream: stream.arn)


def _stream(account: str, region: str, table: Any, entry: dict[str, Any]) -> Stream:
    return Stream(
        account_id=account,
        region=region,
        table_id=table.table_id,
        table=table.name,
        key_schema=tuple(table.schema),
        arn=entry["arn"],
        label=entry["label"],
        view=entry["view"],
        since=microseconds(entry["since"]),
        until=None if entry["until"] is None else microseconds(entry["until"]),
    )


def records(
    stream: Stream, store: TableStore, after: int, limit: int
) -> tuple[list[dict[str, Any]], int, bool]:
    """Records behind a sequence number, the number to go on from, and whether the shard is at its end."""
    found: list[dict[str, Any]] = []
    size = 0
    for logged in _changes(store, after):
        if stream.until is not None and logged.time >= stream.until:
            return found, after, True
        if logged.time >= max(stream.since, _now() - DAY_US) and _visible(logged):
            record = describe(stream, logged)
            size += int(record["dynamodb"]["SizeBytes"])
            if found and size > LARGEST_PAGE:
                return found, after, False
            found.append(record)
        after = logged.sequence
        if len(found) == limit:
            return found, after, False
    return found, after, stream.until is not None


def _changes(store: TableStore, after: int) -> Iterator[Logged]:
    while chunk := store.changes(after, CHUNK):
        yield from chunk
        after = chunk[-1].sequence


def _visible(logged: Logged) -> bool:
    """A write that leaves an item as it is makes no record."""
    return logged.event != "MODIFY" or logged.old != logged.new


def describe(stream: Stream, logged: Logged) -> dict[str, Any]:
    """A change as GetRecords answers it."""
    images: dict[str, Any] = {}
    if logged.new is not None and stream.view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        images["NewImage"] = logged.new
    if logged.old is not None and stream.view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES"):
        images["OldImage"] = logged.old
    size = sum(values.item(item)[1] for item in (logged.keys, *images.values()))
    identity = f"{stream.table_id} {logged.sequence}".encode()
    record: dict[str, Any] = {
        "eventID": hashlib.blake2b(identity, digest_size=16).hexdigest(),
        "eventName": logged.event,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": stream.region,
        "dynamodb": {
            "ApproximateCreationDateTime": logged.time // 1_000_000,
            "Keys": logged.keys,
            **images,
            "SequenceNumber": str(FIRST + logged.sequence),
            "SizeBytes": size,
            "StreamViewType": stream.view,
        },
    }
    if logged.user is not None:
        record["userIdentity"] = {"PrincipalId": logged.user, "Type": "Service"}
    return record
