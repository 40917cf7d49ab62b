"""The stores of all tables of an account, one SQLite database each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from localaws.dynamodb.store import TableStore

if TYPE_CHECKING:
    from localaws.dynamodb.schema import TableSchema


class Stores:
    """`<root>/<account>/<region>/<TableId>.sqlite`, opened at first use; safe for threads."""

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        raise NotImplementedError

    def path(self, account: str, region: str, table_id: str) -> Path:
        """Return the file of a table's store."""
        raise NotImplementedError

    def create(self, account: str, region: str, schema: TableSchema) -> TableStore:
        """Make the store of a new table with its indexes; one that exists is opened."""
        raise NotImplementedError

    def open(self, account: str, region: str, table_id: str) -> TableStore:
        """Return the store of a table; FileNotFoundError when there is none."""
        raise NotImplementedError

    def remove(self, account: str, region: str, table_id: str) -> None:
        """Close and delete the store of a table; one that is gone is no error."""
        raise NotImplementedError

    def copy(self, account: str, region: str, table_id: str, target: Path) -> None:
        """Write a consistent copy of a table's store (without its change log) to `target`, 0600, at once."""
        raise NotImplementedError

    def restore(self, source: Path, account: str, region: str, schema: TableSchema) -> TableStore:
        """Make the store of a new table from a copy; its indexes are those of `schema`."""
        raise NotImplementedError

    def close(self) -> None:
        """Close all stores."""
        raise NotImplementedError
