"""How many items a table has and how large they are: read from its store, so always the figures of now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.dynamodb.tables import Table

if TYPE_CHECKING:
    from localaws.control import ControlPlane


@dataclass
class Host:
    """The control plane behind the service; without one (a bare moto) there are no stores."""

    control: ControlPlane | None = None


HOST = Host()


def with_figures(table: Table, key: str) -> dict[str, Any]:
    """A table's description under `key`, with ItemCount and TableSizeBytes of it and of its indexes."""
    described = table.describe(key)
    control = HOST.control
    if control is None or control.replaying or table.status == "CREATING":
        return described
    from localaws.dynamodb.parts import parts

    try:
        store = parts(control).stores.open(table.account_id, table.region_name, table.table_id)
    except FileNotFoundError:
        return described
    described[key] |= {"ItemCount": store.count(), "TableSizeBytes": store.size()}
    indexes = described[key].get("GlobalSecondaryIndexes", []) + described[key].get(
        "LocalSecondaryIndexes", []
    )
    for index in indexes:
        if index.get("IndexStatus", "ACTIVE") in ("ACTIVE", "UPDATING"):
            name = index["IndexName"]
            index |= {"ItemCount": store.count(name), "IndexSizeBytes": store.size(name)}
    return described
