"""Hive's DDL carried out on the catalog."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, unquote

from localaws.athena.catalog import Catalog, Table, folder_of
from localaws.athena.ddl import Ddl
from localaws.athena.faults import QueryFailed
from localaws.athena.outcome import Change, Outcome, lines
from localaws.s3 import objects

NULL_VALUE = "__HIVE_DEFAULT_PARTITION__"


class Metadata:
    """The catalog, asked and changed by statements; under the control plane's lock."""

    def __init__(self, account: str, catalog: Catalog, database: str) -> None:
        self._account = account
        self._catalog = catalog
        self._database = database

    def run(self, ddl: Ddl) -> Outcome:
        """Return what the statement answers and how it changes the catalog."""
        return _STATEMENTS[ddl.kind](self, ddl)

    def _split(self, name: str) -> tuple[str, str]:
        parts = name.removeprefix("awsdatacatalog.").split(".")
        return (parts[0], parts[1]) if len(parts) == 2 else (self._database, parts[0])

    def _table(self, name: str) -> Table:
        return self._catalog.table(*self._split(name))

    def _create_database(self, ddl: Ddl) -> Outcome:
        if ddl.name in self._catalog.databases():
            if ddl.lenient:
                return Outcome()
            raise QueryFailed(
                f"FAILED: Execution Error: AlreadyExistsException: Database {ddl.name} already exists"
            )
        given = {name: value for name, value in ddl.clauses.items() if value}
        return Outcome(changes=[["create_database", ddl.name, {"Name": ddl.name, **given}]])

    def _drop_database(self, ddl: Ddl) -> Outcome:
        if ddl.name not in self._catalog.databases():
            if ddl.lenient:
                return Outcome()
            raise QueryFailed(f"FAILED: SemanticException [Error 10072]: Database does not exist: {ddl.name}")
        if self._catalog.tables(ddl.name) and not ddl.clauses.get("cascade"):
            raise QueryFailed(
                "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
                f"InvalidOperationException(message:Database {ddl.name} is not empty.)"
            )
        return Outcome(changes=[["delete_database", ddl.name]])

    def _create_table(self, ddl: Ddl) -> Outcome:
        database, name = self._split(ddl.name)
        self._catalog.check_database(database)
        if self._catalog.has(database, name):
            if ddl.lenient:
                return Outcome()
            raise QueryFailed(
                "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
                f"AlreadyExistsException(message:Table {name} already exists)"
            )
        table = {"Name": name, "TableType": "EXTERNAL_TABLE", "Owner": "hadoop", **ddl.clauses["table"]}
        return Outcome(changes=[["create_table", database, name, table]])

    def _drop_table(self, ddl: Ddl) -> Outcome:
        database, name = self._split(ddl.name)
        if self._catalog.has(database, name):
            return Outcome(changes=[["delete_table", database, name]])
        if ddl.lenient:
            return Outcome()
        raise QueryFailed(f"FAILED: SemanticException [Error 10001]: Table not found {name}")

    def _add_partition(self, ddl: Ddl) -> Outcome:
        table, changes = self._table(ddl.name), []
        known = {each.values for each in table.partitions}
        for given, location in ddl.clauses["partitions"]:
            values = _ordered(table, given)
            if values in known:
                if ddl.lenient:
                    continue
                raise QueryFailed(f"FAILED: Execution Error: Partition already exists: {given}")
            changes.append(partition_added(table, values, location or partition_location(table, values)))
        return Outcome(changes=changes)

    def _drop_partition(self, ddl: Ddl) -> Outcome:
        table, changes = self._table(ddl.name), []
        known = {each.values for each in table.partitions}
        for given, _ in ddl.clauses["partitions"]:
            values = _ordered(table, given)
            if values in known:
                changes.append(["delete_partition", table.database, table.name, list(values)])
            elif not ddl.lenient:
                raise QueryFailed(f"FAILED: SemanticException [Error 10006]: Partition not found {given}")
        return Outcome(changes=changes)

    def _add_columns(self, ddl: Ddl) -> Outcome:
        table = self._table(ddl.name)
        given = _input(table)
        storage = given["StorageDescriptor"]
        given["StorageDescriptor"] = {**storage, "Columns": [*storage["Columns"], *ddl.clauses["columns"]]}
        return Outcome(changes=[["update_table", table.database, table.name, given]])

    def _set_properties(self, ddl: Ddl) -> Outcome:
        table = self._table(ddl.name)
        given = _input(table)
        given["Parameters"] = {**table.parameters, **ddl.clauses["properties"]}
        return Outcome(changes=[["update_table", table.database, table.name, given]])

    def _repair(self, ddl: Ddl) -> Outcome:
        table = self._table(ddl.name)
        known = {each.values for each in table.partitions}
        found = sorted(set(self._found_partitions(table)) - known)
        names = [_spelled(table, values, "/") for values in found]
        missing = [f"Partitions not in metastore:\t{chr(9).join(f'{table.name}:{each}' for each in names)}"]
        told = [f"Repair: Added partition to metastore {table.name}:{each}" for each in names]
        outcome = lines("result", [*(missing if names else []), *told])
        outcome.changes = [partition_added(table, each, partition_location(table, each)) for each in found]
        return outcome

    def _found_partitions(self, table: Table) -> Iterator[tuple[str, ...]]:
        bucket, prefix = folder_of(table.location)
        for each in objects.listing(self._account, bucket, prefix):
            steps = [step.partition("=") for step in each.key[len(prefix) :].split("/")[: len(table.keys)]]
            if table.keys and [step[0].lower() for step in steps] == [name for name, _ in table.keys]:
                yield tuple(unquote(step[2]) for step in steps)

    def _show_databases(self, ddl: Ddl) -> Outcome:
        return lines("database_name", _liked(self._catalog.databases(), ddl))

    def _show_tables(self, ddl: Ddl) -> Outcome:
        tables = self._catalog.tables(ddl.name or self._database)
        return lines("tab_name", _liked([each.name for each in tables], ddl))

    def _show_views(self, ddl: Ddl) -> Outcome:
        tables = self._catalog.tables(ddl.name or self._database)
        return lines("views", _liked([each.name for each in tables if each.view], ddl))

    def _show_partitions(self, ddl: Ddl) -> Outcome:
        table = self._table(ddl.name)
        if not table.keys:
            raise QueryFailed(
                f"FAILED: SemanticException [Error 10241]: Table {table.name} is not a partitioned table"
            )
        return lines("partition", [_spelled(table, each.values, "/") for each in table.partitions])

    def _show_columns(self, ddl: Ddl) -> Outcome:
        table = self._table(ddl.name)
        return lines("field", [name for name, _ in (*table.columns, *table.keys)])

    def _show_properties(self, ddl: Ddl) -> Outcome:
        table = self._table(ddl.name)
        return lines("prpt_name", [f"{name}\t{value}" for name, value in sorted(table.parameters.items())])

    def _show_create_table(self, ddl: Ddl) -> Outcome:
        return lines("createtab_stmt", list(_create_statement(self._table(ddl.name))))

    def _show_create_view(self, ddl: Ddl) -> Outcome:
        table = self._table(ddl.name)
        if not table.view:
            raise QueryFailed(f"NOT_SUPPORTED: {table.name} is not a view.")
        return lines(
            "Create View", [f"CREATE VIEW {table.database}.{table.name} AS", *table.view.splitlines()]
        )

    def _describe(self, ddl: Ddl) -> Outcome:
        table = self._table(ddl.name)
        rows = [f"{name:<20}\t{kind:<20}\t{'':<20}" for name, kind in (*table.columns, *table.keys)]
        if table.keys:
            rows += [
                "",
                "# Partition Information",
                f"{'# col_name':<20}\t{'data_type':<20}\t{'comment':<20}",
                "",
            ]
            rows += [f"{name:<20}\t{kind:<20}\t{'':<20}" for name, kind in table.keys]
        return lines("col_name", rows)


def _liked(names: list[str], ddl: Ddl) -> list[str]:
    pattern = (ddl.clauses.get("like") or "'*'").strip("'").lower()
    choices = pattern.replace(".*", "*").split("|")
    return [name for name in names if any(fnmatch.fnmatchcase(name, each) for each in choices)]


def _ordered(table: Table, given: dict[str, str]) -> tuple[str, ...]:
    if set(given) != {name for name, _ in table.keys}:
        raise QueryFailed(
            f"FAILED: SemanticException: partition spec {given} doesn't contain all "
            f"({len(table.keys)}) partition columns"
        )
    return tuple(given[name] for name, _ in table.keys)


def _spelled(table: Table, values: tuple[str, ...], between: str) -> str:
    names = (name for name, _ in table.keys)
    return between.join(f"{name}={quote(value, safe=' ')}" for name, value in zip(names, values, strict=True))


def partition_location(table: Table, values: tuple[str, ...]) -> str:
    """Return where Hive expects the files of a partition."""
    return f"{table.location.rstrip('/')}/{_spelled(table, values, '/')}/"


def partition_added(table: Table, values: tuple[str, ...], location: str) -> Change:
    """Return the change that makes a partition."""
    given = {
        "Values": list(values),
        "StorageDescriptor": {**table.raw["StorageDescriptor"], "Location": location},
    }
    return ["create_partition", table.database, table.name, given]


def _input(table: Table) -> dict[str, Any]:
    """Return a table's TableInput."""
    own = ("DatabaseName", "CreateTime", "UpdateTime", "VersionId", "CatalogId")
    return {name: value for name, value in table.raw.items() if name not in own}


def _create_statement(table: Table) -> Iterator[str]:
    yield f"CREATE EXTERNAL TABLE `{table.name}`("
    yield from _column_lines(table.columns)
    if table.keys:
        yield "PARTITIONED BY ( "
        yield from _column_lines(table.keys)
    storage = table.raw["StorageDescriptor"]
    yield "ROW FORMAT SERDE "
    yield f"  '{table.library}' "
    if table.serde:
        yield "WITH SERDEPROPERTIES ( "
        yield from _property_lines(table.serde)
    yield "STORED AS INPUTFORMAT "
    yield f"  '{storage.get('InputFormat', '')}' "
    yield "OUTPUTFORMAT "
    yield f"  '{storage.get('OutputFormat', '')}'"
    yield "LOCATION"
    yield f"  '{table.location}'"
    if table.parameters:
        yield "TBLPROPERTIES ("
        yield from _property_lines(table.parameters)


def _column_lines(columns: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for position, (name, kind) in enumerate(columns, 1):
        yield f"  `{name}` {kind}{')' if position == len(columns) else ', '}"


def _property_lines(properties: dict[str, str]) -> Iterator[str]:
    for position, (name, value) in enumerate(sorted(properties.items()), 1):
        yield f"  '{name}'='{value}'{')' if position == len(properties) else ', '}"


_STATEMENTS: dict[str, Callable[[Metadata, Ddl], Outcome]] = {
    "create database": Metadata._create_database,
    "drop database": Metadata._drop_database,
    "create table": Metadata._create_table,
    "drop table": Metadata._drop_table,
    "drop view": Metadata._drop_table,
    "add partition": Metadata._add_partition,
    "drop partition": Metadata._drop_partition,
    "add columns": Metadata._add_columns,
    "set properties": Metadata._set_properties,
    "repair table": Metadata._repair,
    "show databases": Metadata._show_databases,
    "show tables": Metadata._show_tables,
    "show views": Metadata._show_views,
    "show partitions": Metadata._show_partitions,
    "show columns": Metadata._show_columns,
    "show properties": Metadata._show_properties,
    "show create table": Metadata._show_create_table,
    "show create view": Metadata._show_create_view,
    "describe": Metadata._describe,
}
