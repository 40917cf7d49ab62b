"""ListDatabases, ListSchemas, ListTables and DescribeTable: asked of the database, not of the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.bridge import backends
from localaws.faults import Answer, Fault
from localaws.redshift import faults, translate
from localaws.redshift.host import HOST
from localaws.redshift.warehouse import Warehouse, type_name

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call
    from localaws.control import ControlPlane

_SCHEMA = f"CASE schema_name WHEN '{translate.MAIN}' THEN '{translate.PUBLIC}' ELSE schema_name END"
_HIDDEN = f"schema_name NOT IN ('{translate.OWN}', 'information_schema', 'pg_catalog')"


@dataclass(frozen=True)
class Listings:
    """Answers them."""

    control: ControlPlane
    operations: frozenset[str] = frozenset({"ListDatabases", "ListSchemas", "ListTables", "DescribeTable"})

    def answer(self, call: Call) -> Answer:
        """Answer a listing; Fault when the cluster cannot be asked."""
        asked: dict[str, Any] = json.loads(call.request.body or b"{}")
        signer = self.control.trail.account_of(call.request.access_key_id)
        backend = backends.load("redshiftdata")[signer][call.region]
        try:
            with self.control.lock:
                warehouse = HOST.warehouse(backend.cluster(asked), signer)
        except faults.DataFault as fault:
            raise Fault(fault.error_type, fault.message) from None
        document = json.dumps(_ANSWERS[call.action](warehouse, asked)).encode()
        return Answer(200, [("Content-Type", "application/x-amz-json-1.1")], document)


def _databases(warehouse: Warehouse, _asked: dict[str, Any]) -> dict[str, Any]:
    return {"Databases": [warehouse.name]}


def _schemas(warehouse: Warehouse, asked: dict[str, Any]) -> dict[str, Any]:
    query = (
        f"SELECT DISTINCT {_SCHEMA} AS name FROM duckdb_schemas() WHERE database_name = current_database() "
        f"AND {_HIDDEN} AND name LIKE ? ORDER BY name"
    )
    return {"Schemas": [name for (name,) in warehouse.ask(query, [asked.get("SchemaPattern") or "%"])]}


def _tables(warehouse: Warehouse, asked: dict[str, Any]) -> dict[str, Any]:
    query = (
        f"SELECT {_SCHEMA} AS s, table_name, 'TABLE' FROM duckdb_tables() WHERE {_HIDDEN} AND NOT internal "
        "AND s LIKE ? AND table_name LIKE ? UNION ALL "
        f"SELECT {_SCHEMA} AS s, view_name, 'VIEW' FROM duckdb_views() WHERE {_HIDDEN} AND NOT internal "
        "AND s LIKE ? AND view_name LIKE ? ORDER BY 1, 2"
    )
    patterns = [asked.get("SchemaPattern") or "%", asked.get("TablePattern") or "%"]
    rows = warehouse.ask(query, patterns * 2)
    return {"Tables": [{"schema": schema, "name": name, "type": kind} for schema, name, kind in rows]}


def _table(warehouse: Warehouse, asked: dict[str, Any]) -> dict[str, Any]:
    query = (
        f"SELECT {_SCHEMA} AS s, table_name, column_name, data_type, is_nullable, column_default "
        f"FROM duckdb_columns() WHERE {_HIDDEN} AND s = ? AND table_name = ? ORDER BY column_index"
    )
    schema = asked.get("Schema") or translate.PUBLIC
    rows = warehouse.ask(query, [schema, asked.get("Table") or ""])
    columns = [
        {
            "schemaName": place,
            "tableName": table,
            "name": name,
            "label": name,
            "typeName": type_name(kind),
            "nullable": int(nullable),
        }
        | ({"columnDefault": default} if default is not None else {})
        for place, table, name, kind, nullable, default in rows
    ]
    return {"TableName": asked.get("Table"), "ColumnList": columns}


_ANSWERS: dict[str, Callable[[Warehouse, dict[str, Any]], dict[str, Any]]] = {
    "ListDatabases": _databases,
    "ListSchemas": _schemas,
    "ListTables": _tables,
    "DescribeTable": _table,
}
