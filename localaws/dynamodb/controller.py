"""Keeps the stores as DynamoDB's model asks, and tells the model what happened."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

from moto.core.utils import utcnow

from localaws.dynamodb import backups, exporter
from localaws.dynamodb.expiry import Expiry
from localaws.dynamodb.mappings import Mappings
from localaws.dynamodb.parts import parts
from localaws.dynamodb.scaling import Scaling
from localaws.dynamodb.view import BackupView, ExportView, Model, Place, TableView

if TYPE_CHECKING:
    from pathlib import Path

    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

TRIM_SECONDS = 60.0


class DynamoDBController:
    """The reconciler's controller of DynamoDB."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._control = control
        self._model = Model(control)
        self._stores = parts(control).stores
        self._admission = parts(control).admission
        self._submit = runtime.reconciler.submit
        self._folder = control.state.dynamodb_dir / "backups"
        self._expiry = Expiry(self._model, parts(control), self._submit)
        self._mappings = Mappings(control, runtime, self._stores)
        self._scaling = Scaling(control, self._model)
        self._trimmed = 0.0
        self._clear()

    def _clear(self) -> None:
        """Remove what belongs to nothing: a crash came between the files and the model."""
        known = self._model.table_ids() | {"transactions"}
        for file in self._stores.root.glob("*/*/*"):
            # what is being written has a name that begins with a dot
            if file.parent.parent.name.isdigit() and file.name.partition(".")[0] not in known:
                file.unlink()
        kept = {backup.identifier for backup in self._model.backups()}
        for file in self._folder.glob("*"):
            if file.name.partition(".")[0] not in kept:
                file.unlink()

    def reconcile(self) -> None:
        """Submit a job for each table and backup with which something is to be done."""
        tables = self._model.tables()
        for table in tables:
            if table.work:
                self._submit(table.place.table_id, functools.partial(self._attend, table.place))
        for backup in self._model.backups():
            if backup.status == "CREATING":
                self._submit(backup.identifier, functools.partial(self._back_up, backup))
        for place, identifier in self._model.doomed():
            self._submit(identifier, functools.partial(self._remove_backup, place, identifier))
        for export in self._model.exports():
            self._submit(export.identifier, functools.partial(self._export, export))
        self._expiry.look(tables)
        self._mappings.look()
        self._scaling.look(tables)
        if time.monotonic() - self._trimmed > TRIM_SECONDS:
            self._trimmed = time.monotonic()
            self._submit("changes of all tables", self._trim)

    def shutdown(self) -> None:
        """Close the stores."""
        self._mappings.close()
        self._stores.close()

    def engines(self) -> list[Engine]:
        """Return none: the stores are files."""
        return []

    # -- tables

    def _attend(self, place: Place) -> None:
        """Do all that is to be done with a table."""
        while (table := self._model.table(place)) is not None and table.work:
            if not self._step(table):
                return

    def _step(self, table: TableView) -> bool:
        if table.schema.status == "CREATING":
            self._create(table)
        elif table.schema.status == "DELETING":
            return self._delete(table)
        elif table.ttl_pending:
            self._model.settle(table.place, "ttl_settled")
        else:
            self._update(table)
        return True

    def _create(self, table: TableView) -> None:
        place, source = table.place, table.source
        if source is None:
            self._stores.create(place.account_id, place.region, table.schema)
        elif source["kind"] == "backup":
            self._restore(table, self._file(source["backup"]), None)
        else:
            copy = self._folder / f"restore-{place.table_id}.sqlite"
            self._stores.copy(place.account_id, place.region, source["table"], copy)
            self._restore(table, copy, source["time"])
            copy.unlink()
        self._model.settle(place, "created")

    def _restore(self, table: TableView, file: Path, until: int | None) -> None:
        place = table.place
        self._stores.restore(file, place.account_id, place.region, table.schema, until)

    def _update(self, table: TableView) -> None:
        place = table.place
        store = self._stores.open(place.account_id, place.region, place.table_id)
        for index in table.schema.indexes.values():
            if index.is_global and index.status == "DELETING":
                store.drop_index(index.name)
                self._model.settle(place, "index_dropped", index=index.name)
            elif index.is_global and index.status == "CREATING":
                for _ in store.build_index(table.schema, index):
                    if not self._wanted(place, index.name):
                        return
                self._model.settle(place, "index_built", index=index.name)
        self._model.settle(place, "updated")

    def _wanted(self, place: Place, index: str) -> bool:
        """Whether an index that is being filled has not been deleted meanwhile."""
        table = self._model.table(place)
        found = table.schema.indexes.get(index) if table is not None else None
        return found is not None and found.status == "CREATING"

    def _delete(self, table: TableView) -> bool:
        """Delete a table's store, unless something is still made of it; False then."""
        place = table.place
        if place.table_id in self._model.sources():
            return False
        if not table.has_streams:
            self._stores.remove(place.account_id, place.region, place.table_id)
        self._admission.forget(place.table_id)
        self._model.settle(place, "deleted", keep_stream=table.has_streams)
        return True

    # -- backups

    def _file(self, identifier: str) -> Path:
        return self._folder / f"{identifier}.sqlite"

    def _back_up(self, backup: BackupView) -> None:
        place, file = backup.place, self._file(backup.identifier)
        try:
            store = self._stores.open(place.account_id, place.region, place.table_id)
        except FileNotFoundError:
            self._model.settle_backup(place, "backup_lost", backup.identifier)
            return
        if not file.exists():
            self._stores.copy(place.account_id, place.region, place.table_id, file)
        self._model.settle_backup(
            place, "backed_up", backup.identifier, size=store.size(), items=store.count()
        )

    def _remove_backup(self, place: Place, identifier: str) -> None:
        if identifier not in self._model.sources():
            self._file(identifier).unlink(missing_ok=True)
            self._model.settle_backup(place, "backup_removed", identifier)

    def _export(self, export: ExportView) -> None:
        result = exporter.export(self._control, self._stores, self._folder, export)
        self._model.settle_export(export.place, export.identifier, result.items, result.size, result.failure)

    # -- the past

    def _trim(self) -> None:
        """Forget changes, streams and backups that have been kept for as long as AWS keeps them."""
        now = time.time()
        for place, oldest in self._model.kept_since(now):
            store = self._stores.open(place.account_id, place.region, place.table_id)
            store.trim_changes(int(oldest * 1_000_000))
        for place in self._model.ended_streams(now):
            self._stores.remove(place.account_id, place.region, place.table_id)
            self._model.settle(place, "stream_left")
        for backup in self._model.backups():
            if backups.is_over(backup.expires, utcnow()):
                self._model.settle_backup(backup.place, "backup_expired", backup.identifier)
