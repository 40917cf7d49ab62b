"""moto's DynamoDB with tables whose items are in stores."""

from __future__ import annotations

from typing import Any

from moto.dynamodb.models import DynamoDBBackend as MotoBackend
from moto.dynamodb.models import Table as MotoTable
from moto.moto_api._internal import mock_random


class Table(MotoTable):
    """A table; its status follows its store."""

    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options)
        self.table_id = str(mock_random.uuid4())
        self.status = "CREATING"

    def describe(self, base_key: str = "TableDescription") -> dict[str, Any]:
        """Return the table's description."""
        described: dict[str, Any] = super().describe(base_key)
        described[base_key] |= {"TableId": self.table_id, "TableStatus": self.status}
        return described


class DynamoDBBackend(MotoBackend):
    """The tables of an account in a Region."""

    def create_table(self, name: str, **options: Any) -> Any:
        """Create a table; the controller makes its store."""
        from moto.dynamodb.exceptions import ResourceInUseException

        if name in self.tables:
            raise ResourceInUseException(f"Table already exists: {name}")
        table = Table(name, account_id=self.account_id, region=self.region_name, **options)
        self.tables[name] = table
        return table
