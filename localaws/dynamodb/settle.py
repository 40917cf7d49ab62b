"""Settlements: what the controller writes back into DynamoDB's model once it has really happened.

One that finds its table gone, or already settled, does nothing: the controller may settle again after a
crash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localaws.dynamodb import backups, exports, timetolive
from localaws.dynamodb.tables import PROVISIONED, Table, throughput_of


def created(backend: Any, *, table_id: str) -> None:
    """The table has its store, and the items that it was restored with."""
    table = _table(backend, table_id)
    if table is not None and table.status == "CREATING":
        table.status, table.source = "ACTIVE", None
        for index in table.global_indexes:
            index.status = "ACTIVE"


def updated(backend: Any, *, table_id: str) -> None:
    """Everything but indexes is as UpdateTable asked."""
    table = _table(backend, table_id)
    if table is not None and table.status == "UPDATING":
        for index in table.global_indexes:
            if index.status == "UPDATING":
                index.status = "ACTIVE"
        _rest(table)


def scaled(backend: Any, *, table_id: str, index: str | None, kind: str, units: int) -> None:
    """Auto scaling gives a table or an index other units."""
    table = _table(backend, table_id)
    if table is None or table.mode != PROVISIONED:
        return
    for resource in (table, *table.global_indexes):
        if (resource.name if resource is not table else None) == index:
            wanted = {**resource.throughput, f"{kind}CapacityUnits": units}
            resource.throughput = throughput_of(wanted, resource.throughput)


def index_built(backend: Any, *, table_id: str, index: str) -> None:
    """A new index has all items that belong into it."""
    table = _table(backend, table_id)
    for each in table.global_indexes if table is not None else ():
        if each.name == index and each.status == "CREATING":
            each.status, each.backfilling = "ACTIVE", False
            _rest(table)


def index_dropped(backend: Any, *, table_id: str, index: str) -> None:
    """A deleted index is gone."""
    table = _table(backend, table_id)
    if table is None:
        return
    table.global_indexes = [
        each for each in table.global_indexes if each.name != index or each.status != "DELETING"
    ]
    used = set(table.attribute_keys)
    table.attr = [entry for entry in table.attr if entry["AttributeName"] in used]
    _rest(table)


def _rest(table: Table) -> None:
    if table.status == "UPDATING" and all(index.status == "ACTIVE" for index in table.global_indexes):
        table.status = "ACTIVE"


def deleted(backend: Any, *, table_id: str, keep_stream: bool) -> None:
    """The table's store is gone, or kept for a day because of its stream."""
    table = _table(backend, table_id)
    if table is not None and table.status == "DELETING":
        del backend.tables[table.name]
        if keep_stream:
            backend.streams_left[table_id] = table


def stream_left(backend: Any, *, table_id: str) -> None:
    """The stream of a deleted table is gone as well."""
    backend.streams_left.pop(table_id, None)


def ttl_settled(backend: Any, *, table_id: str) -> None:
    """Expired items are looked for, or no longer."""
    table = _table(backend, table_id)
    if table is not None:
        timetolive.settle(table)


def backed_up(backend: Any, *, backup: str, size: int, items: int) -> None:
    """A backup's file is there."""
    found = next((each for each in backend.backups.values() if each.identifier == backup), None)
    if found is not None and found.status == "CREATING":
        found.status, found.size, found.items = "AVAILABLE", size, items


def backup_lost(backend: Any, *, backup: str) -> None:
    """A backup's table was gone before its file was made."""
    found = next((each for each in backend.backups.values() if each.identifier == backup), None)
    if found is not None and found.status == "CREATING":
        backups.discard(backend, found)


def backup_expired(backend: Any, *, backup: str) -> None:
    """A system backup has been kept long enough."""
    found = next((each for each in backend.backups.values() if each.identifier == backup), None)
    if found is not None:
        backups.discard(backend, found)


def backup_removed(backend: Any, *, backup: str) -> None:
    """A deleted backup's file is gone."""
    backend.doomed.pop(backup, None)


def exported(backend: Any, *, export: str, items: int, size: int, failure: list[str] | None) -> None:
    """An export has ended."""
    exports.settle(backend, export, items, size, failure)


def handed_over(backend: Any, *, mapping: str, position: int) -> None:
    """A function has taken the changes up to a sequence number."""
    backend.delivered[mapping] = position


def _table(backend: Any, table_id: str) -> Any:
    return next((each for each in backend.tables.values() if each.table_id == table_id), None)


SETTLEMENTS: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (
        created,
        updated,
        scaled,
        index_built,
        index_dropped,
        deleted,
        stream_left,
        ttl_settled,
        backed_up,
        backup_lost,
        backup_expired,
        backup_removed,
        exported,
        handed_over,
    )
}
