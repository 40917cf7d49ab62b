"""What the controller sees of DynamoDB's model: plain values, read under the control plane's lock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localaws.dynamodb import backups
from localaws.dynamodb.schema import TableSchema

if TYPE_CHECKING:
    from localaws.control import ControlPlane

DAY = 86400.0


@dataclass(frozen=True)
class Place:
    """Which table of which account and Region."""

    account_id: str
    region: str
    table_id: str


@dataclass(frozen=True)
class TableView:
    """A table at one moment."""

    place: Place
    schema: TableSchema
    work: tuple[str, ...]
    ttl_pending: bool
    expires: bool
    """Whether time to live is on."""
    source: dict[str, Any] | None
    has_streams: bool


@dataclass(frozen=True)
class BackupView:
    """A backup at one moment."""

    place: Place
    identifier: str
    status: str
    expires: datetime | None


@dataclass(frozen=True)
class ExportView:
    """An export that is to be carried out; `moment` in epoch microseconds."""

    place: Place
    schema: TableSchema
    identifier: str
    arn: str
    bucket: str
    folder: str
    moment: int


class Model:
    """Reads DynamoDB's model and settles facts in it."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control

    def tables(self) -> list[TableView]:
        """All tables."""
        with self._control.lock:
            return [_view(place, table) for place, table in self._tables()]

    def table(self, place: Place) -> TableView | None:
        """One table, or None when it is gone."""
        with self._control.lock:
            found = (table for each, table in self._tables() if each == place)
            return next((_view(place, table) for table in found), None)

    def backups(self) -> list[BackupView]:
        """All backups."""
        with self._control.lock:
            return [
                BackupView(
                    Place(account, region, backup.table.table_id),
                    backup.identifier,
                    backup.status,
                    backup.expires,
                )
                for account, region, backend in self._control.backends("dynamodb")
                for backup in backend.backups.values()
            ]

    def exports(self) -> list[ExportView]:
        """The exports that have not ended, of tables that are still there."""
        with self._control.lock:
            return [
                ExportView(
                    Place(account, region, table.table_id),
                    TableSchema.of(table),
                    export.identifier,
                    export.arn,
                    export.bucket,
                    export.folder,
                    int(export.moment * 1_000_000),
                )
                for account, region, backend in self._control.backends("dynamodb")
                for export in backend.exports.values()
                for table in backend.tables.values()
                if export.work and export.table_id == table.table_id
            ]

    def doomed(self) -> list[tuple[Place, str]]:
        """Deleted backups whose files are still there."""
        with self._control.lock:
            return [
                (Place(account, region, ""), identifier)
                for account, region, backend in self._control.backends("dynamodb")
                for identifier in backend.doomed
            ]

    def table_ids(self) -> set[str]:
        """The ids of all tables that have a store, or will have one."""
        with self._control.lock:
            ids = {place.table_id for place, _ in self._tables()}
            return ids | {place.table_id for place, _ in self._left()}

    def sources(self) -> set[str]:
        """Tables and backups of which something is just being made."""
        with self._control.lock:
            found = [table.source for _, table in self._tables() if table.source is not None]
            used = {str(source.get("table") or source.get("backup")) for source in found}
            used |= {view.place.table_id for view in self.exports()}
            return used | {backup.place.table_id for backup in self.backups() if backup.status == "CREATING"}

    def kept_since(self, now: float) -> list[tuple[Place, float]]:
        """The settled tables, and since when their changes are of use."""
        with self._control.lock:
            return [
                (place, backups.oldest_kept(table, now))
                for place, table in self._tables()
                if table.status in ("ACTIVE", "UPDATING")
            ]

    def ended_streams(self, now: float) -> list[Place]:
        """Deleted tables whose stream nobody may read any more."""
        with self._control.lock:
            return [
                place for place, table in self._left() if table.streams[-1]["until"].timestamp() < now - DAY
            ]

    def settle(self, place: Place, name: str, **arguments: Any) -> None:
        """Write a fact about a table into the model."""
        self._control.settle(
            "dynamodb", place.account_id, place.region, name, table_id=place.table_id, **arguments
        )

    def settle_backup(self, place: Place, name: str, backup: str, **arguments: Any) -> None:
        """Write a fact about a backup into the model."""
        self._control.settle("dynamodb", place.account_id, place.region, name, backup=backup, **arguments)

    def settle_export(
        self, place: Place, export: str, items: int, size: int, failure: tuple[str, str] | None
    ) -> None:
        """Write an export's end into the model."""
        self._control.settle(
            "dynamodb",
            place.account_id,
            place.region,
            "exported",
            export=export,
            items=items,
            size=size,
            failure=None if failure is None else list(failure),
        )

    def _tables(self) -> Iterator[tuple[Place, Any]]:
        for account, region, backend in self._control.backends("dynamodb"):
            for table in backend.tables.values():
                yield Place(account, region, table.table_id), table

    def _left(self) -> Iterator[tuple[Place, Any]]:
        for account, region, backend in self._control.backends("dynamodb"):
            for table in backend.streams_left.values():
                yield Place(account, region, table.table_id), table


def _view(place: Place, table: Any) -> TableView:
    return TableView(
        place=place,
        schema=TableSchema.of(table),
        work=tuple(table.work),
        ttl_pending=table.ttl["TimeToLiveStatus"] in ("ENABLING", "DISABLING"),
        expires=table.ttl["TimeToLiveStatus"] == "ENABLED",
        source=table.source,
        has_streams=bool(table.streams),
    )
