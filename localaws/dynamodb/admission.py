"""Whether a table's throughput admits an operation, and what the operations used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localaws.dynamodb.schema import TableSchema

Units = Mapping[str | None, float]
"""Capacity units of the table (None) and of each index by its name."""
NOTHING: Units = {}


class Admission:
    """Admits everything."""

    def admit(
        self,
        schema: TableSchema,
        *,
        reads: Units = NOTHING,
        writes: Units = NOTHING,
        partition: bytes = b"",
    ) -> None:
        """Take the units, or raise the throttling Fault.

        Called before a write and after a read. `partition` begins with the 4 bytes of the partition key's hash
        (big-endian); it is empty for a Scan.
        """

    def account(
        self,
        schema: TableSchema,
        operation: str,
        *,
        reads: Units = NOTHING,
        writes: Units = NOTHING,
        seconds: float = 0.0,
        returned: int | None = None,
        error: str | None = None,
    ) -> None:
        """Count an answered operation for the metrics; `error` is the code of the fault it ended with."""
