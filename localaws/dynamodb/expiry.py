"""Time to live at work: expired items are deleted within seconds, and as the service itself.

AWS deletes them within a few days; queries see them until then, here as there.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from localaws.dynamodb.counters import Series
from localaws.dynamodb.store import Change, StoreGone

if TYPE_CHECKING:
    from localaws.dynamodb.parts import Parts
    from localaws.dynamodb.view import Model, Place, TableView

SERVICE = "dynamodb.amazonaws.com"
PAUSE = 1.0
SHARE = 20.0
"""A look that takes long is followed by a pause of so many times its length."""
BATCH = 200


class Expiry:
    """Looks through the tables with time to live, one job a table."""

    def __init__(
        self, model: Model, shared: Parts, submit: Callable[[str, Callable[[], None]], bool]
    ) -> None:
        self._model = model
        self._parts = shared
        self._submit = submit
        self._due: dict[str, float] = {}

    def look(self, tables: list[TableView]) -> None:
        """Submit a job for each table that is due."""
        due = {table.place.table_id: table.place for table in tables if table.expires}
        self._due = {name: at for name, at in self._due.items() if name in due}
        for name, place in due.items():
            if time.monotonic() >= self._due.get(name, 0.0):
                self._submit(f"expired items of {name}", functools.partial(self._expire, place))

    def _expire(self, place: Place) -> None:
        began = time.monotonic()
        while (table := self._model.table(place)) is not None and table.expires:
            if self._delete(table) < BATCH:
                break
        self._due[place.table_id] = time.monotonic() + max(PAUSE, SHARE * (time.monotonic() - began))

    def _delete(self, table: TableView) -> int:
        place, schema = table.place, table.schema
        attribute = schema.ttl_attribute
        if attribute is None or schema.status not in ("ACTIVE", "UPDATING"):
            return 0
        try:
            store = self._parts.stores.open(place.account_id, place.region, place.table_id)
            if not store.expired(attribute, int(time.time()), 1):
                return 0
            with store.writing():
                # looked up once more: a writer may have given them a longer life
                found = store.expired(attribute, int(time.time()), BATCH)
                store.write(schema, [Change(item, None, SERVICE) for item in found])
        except (FileNotFoundError, StoreGone):
            return 0
        if found:
            name = Series(place.account_id, place.region, schema.name, "TimeToLiveDeletedItemCount")
            self._parts.admission.counters.add(name, float(len(found)))
        return len(found)
