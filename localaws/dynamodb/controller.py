"""Keeps a store for each table of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localaws.dynamodb.parts import parts
from localaws.dynamodb.schema import TableSchema

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime


class DynamoDBController:
    """Makes the stores of new tables."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._control = control
        self._runtime = runtime
        self._stores = parts(control).stores

    def reconcile(self) -> None:
        """Make the stores that are missing."""
        for account, region, backend in self._control.backends("dynamodb"):
            for table in list(backend.tables.values()):
                if table.status == "CREATING":
                    self._stores.create(account, region, TableSchema.of(table))
                    self._control.settle(
                        "dynamodb", account, region, "created", name=table.name, table_id=table.table_id
                    )

    def shutdown(self) -> None:
        """Close the stores."""
        self._stores.close()

    def engines(self) -> list[Engine]:
        """Return none: the stores are files."""
        return []
