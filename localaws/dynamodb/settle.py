"""What the controller writes back into the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localaws.dynamodb.backend import DynamoDBBackend


def created(backend: DynamoDBBackend, name: str, table_id: str) -> None:
    """The table's store exists."""
    table = backend.tables.get(name)
    if table is not None and table.table_id == table_id and table.status == "CREATING":
        table.status = "ACTIVE"


SETTLEMENTS = {"created": created}
