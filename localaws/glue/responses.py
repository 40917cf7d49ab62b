"""Glue's API, in pages."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.glue.responses import GlueResponse as Base

LARGEST = {"DatabaseList": 100, "TableList": 100, "Partitions": 1000}


class GlueResponse(Base):
    """Glue's operations."""

    def get_databases(self) -> Any:
        return self._page("DatabaseList", self.glue_backend.get_databases())

    def get_tables(self) -> Any:
        given = self.parameters
        return self._page(
            "TableList", self.glue_backend.get_tables(given["DatabaseName"], given.get("Expression"))
        )

    def get_partitions(self) -> Any:
        given = self.parameters
        found = self.glue_backend.get_partitions(
            given["DatabaseName"], given["TableName"], given.get("Expression")
        )
        return self._page("Partitions", found)

    def _page(self, name: str, found: list[Any]) -> ActionResult:
        given = self.parameters
        start, limit = int(given.get("NextToken") or 0), int(given.get("MaxResults") or LARGEST[name])
        more = {"NextToken": str(start + limit)} if start + limit < len(found) else {}
        return ActionResult({name: [each.as_dict() for each in found[start : start + limit]], **more})
