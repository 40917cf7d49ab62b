"""One query from its text to its outcome."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from localaws.athena import ddl, results, scan, translate, trino, writing
from localaws.athena.catalog import Catalog, Table, view_text
from localaws.athena.faults import QueryCancelled, QueryFailed, translated
from localaws.athena.metadata import Metadata
from localaws.athena.outcome import Outcome, lines
from localaws.athena.relation import Relation
from localaws.athena.types import column_info, literal, quoted, to_hive
from localaws.engines import duck

if TYPE_CHECKING:
    from sqlglot import exp

    from localaws.control import ControlPlane

MEMORY_MB = 1024
DIALECT: dict[str, str | bool] = {"integer_division": True, "TimeZone": "UTC", "enable_progress_bar": False}
MOST_LEVELS = 20
_INFORMATION = {
    "schemata": ("catalog_name", "schema_name"),
    "tables": ("table_catalog", "table_schema", "table_name", "table_type"),
    "columns": (
        "table_catalog",
        "table_schema",
        "table_name",
        "column_name",
        "ordinal_position",
        "data_type",
    ),
}


@dataclass
class Query:
    """A query's text and surroundings, and the connection that runs it."""

    control: ControlPlane
    account: str
    region: str
    id: str
    sql: str
    database: str
    parameters: list[str]
    output: str
    limit: int | None
    folder: Path
    connection: duckdb.DuckDBPyConnection | None = None
    relations: list[Relation] = field(default_factory=list)
    views: dict[str, str] = field(default_factory=dict)

    def run(self) -> Outcome:
        """Run it; QueryFailed or QueryCancelled when it does not succeed."""
        sql = self.sql.strip().rstrip(";").strip()
        statement = ddl.parse(sql)
        if statement is not None:
            with self.control.lock:
                catalog = Catalog(self.account, self.region, self.sql)
                return Metadata(self.account, catalog, self.database).run(statement)
        try:
            return self._run(sql)
        except duckdb.InterruptException:
            raise QueryCancelled("Query cancelled by user") from None
        except duckdb.Error as error:
            raise translated(error, self.sql) from error
        finally:
            if self.connection is not None:
                self.connection.close()

    def _run(self, sql: str) -> Outcome:
        explained = re.match(r"EXPLAIN\s+(?:ANALYZE\s+)?", sql, re.IGNORECASE)
        unload = re.match(r"UNLOAD\s*(?=\()", sql, re.IGNORECASE)
        if explained:
            return self._explain(sql[explained.end() :])
        if unload:
            return self._unload(sql[unload.end() :])
        tree = translate.parsed(sql)
        if tree.key == "create":
            return (
                self._create_view(tree, sql) if tree.args.get("kind") == "VIEW" else self._create_table(tree)
            )
        if tree.key == "insert":
            return self._insert(tree)
        return self._select(tree)

    def _select(self, tree: exp.Expr) -> Outcome:
        query = self._prepared(tree)
        columns, kinds = self._bound(query)
        names = translate.names_of(tree, columns)
        scanned = self._checked(query)
        file = self.folder / "result.csv"
        results.write(self._duck, query, names, kinds, file)
        described = [column_info(name, kind) for name, kind in zip(names, kinds, strict=True)]
        return Outcome(columns=described, file=file, scanned=scanned)

    def _explain(self, sql: str) -> Outcome:
        query = self._prepared(translate.parsed(sql))
        row = self._duck.execute(f"EXPLAIN {query}").fetchone()
        assert row is not None
        return lines("Query Plan", str(row[1]).splitlines())

    def _create_view(self, tree: exp.Expr, sql: str) -> Outcome:
        body = re.split(r"\bAS\b", sql, maxsplit=1, flags=re.IGNORECASE)[1].strip()
        database, name = self._target(tree.this)
        query = self._prepared(translate.parsed(body))
        columns, kinds = self._bound(query)
        fields = [
            {"Name": column, "Type": to_hive(kind)}
            for column, kind in zip(translate.names_of(translate.parsed(body), columns), kinds, strict=True)
        ]
        table = {
            "Name": name,
            "TableType": "VIRTUAL_VIEW",
            "ViewOriginalText": view_text(body, database, fields),
            "ViewExpandedText": "/* Presto View */",
            "Parameters": {"presto_view": "true", "comment": "Presto View"},
            "StorageDescriptor": {"Columns": fields, "Location": "", "SerdeInfo": {}},
            "PartitionKeys": [],
        }
        if not self._exists(database, name):
            return Outcome(changes=[["create_table", database, name, table]])
        if not tree.args.get("replace"):
            raise QueryFailed(f"VIEW_ALREADY_EXISTS: line 1:1: View already exists: '{database}.{name}'")
        return Outcome(changes=[["update_table", database, name, table]])

    def _create_table(self, tree: exp.Expr) -> Outcome:
        given = translate.properties(tree)
        form = writing.Form.of(given)
        database, name = self._target(tree.this)
        if self._exists(database, name):
            if tree.args.get("exists"):
                return Outcome()
            raise QueryFailed(
                f"TABLE_ALREADY_EXISTS: line 1:1: Table 'awsdatacatalog.{database}.{name}' already exists"
            )
        if tree.expression is None:
            raise QueryFailed(
                "SYNTAX_ERROR: line 1:8: Use CREATE EXTERNAL TABLE, or CREATE TABLE ... AS SELECT."
            )
        location = str(
            given.get("external_location") or f"{self.output.rpartition('/')[0]}/tables/{self.id}/"
        )
        location = location if location.endswith("/") else f"{location}/"
        self._check_empty(location, f"table '{database}.{name}'")
        query, columns = self._named(tree.expression)
        if form.keys != tuple(column for column, _ in columns)[len(columns) - len(form.keys) :]:
            raise QueryFailed(
                "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns in the table and in the "
                f"same order as the table properties: {list(form.keys)}"
            )
        scanned = self._checked(query)
        files = writing.write(self._duck, query, form, self.folder / "out", self.id)
        outcome = writing.created(database, name, location, form, columns, files)
        outcome.scanned = scanned
        return outcome

    def _insert(self, tree: exp.Expr) -> Outcome:
        target, listed = tree.this, []
        if target.key == "schema":
            target, listed = target.this, [each.name.lower() for each in target.expressions]
        database, name = self._target(target)
        with self.control.lock:
            table = Catalog(self.account, self.region, self.sql).table(database, name)
        form = writing.Form.like(table)
        query = self._prepared(tree.expression)
        query = writing.fitted(query, table, listed, len(self._bound(query)[0]))
        scanned = self._checked(query)
        files = writing.write(self._duck, query, form, self.folder / "out", self.id)
        outcome = writing.inserted(table, form, files)
        outcome.scanned = scanned
        return outcome

    def _unload(self, rest: str) -> Outcome:
        inner, rest = ddl.bracket(rest)
        found = re.match(r"TO\s+'([^']+)'\s*(WITH\s*\(.*\))?\s*$", rest, re.IGNORECASE | re.DOTALL)
        if not found:
            raise QueryFailed(
                "SYNTAX_ERROR: line 1:1: Expecting: UNLOAD (SELECT ...) TO 's3://bucket/path/' WITH (...)"
            )
        given = translate.properties(translate.parsed(f"CREATE TABLE x {found.group(2) or ''} AS SELECT 1"))
        location = found.group(1) if found.group(1).endswith("/") else f"{found.group(1)}/"
        self._check_empty(location, "UNLOAD")
        form = writing.Form.of(given)
        query, _ = self._named(translate.parsed(inner))
        scanned = self._checked(query)
        files = writing.write(self._duck, query, form, self.folder / "out", self.id)
        outcome = writing.unloaded(location, files)
        bucket_urls = [f"s3://{bucket}/{key}" for bucket, key, _ in outcome.objects]
        outcome.manifest, outcome.scanned = "\n".join(bucket_urls) + "\n", scanned
        return outcome

    def _named(self, tree: exp.Expr) -> tuple[str, list[tuple[str, Any]]]:
        """Return a query with the names that Athena gives to its columns."""
        query = self._prepared(tree)
        columns, kinds = self._bound(query)
        names = translate.names_of(tree, columns)
        inner = ", ".join(map(quoted, names))
        return f"SELECT * FROM ({query}) AS given({inner})", list(zip(names, kinds, strict=True))

    def _target(self, node: exp.Expr) -> tuple[str, str]:
        database = (node.text("db") or self.database).lower()
        with self.control.lock:
            Catalog(self.account, self.region, self.sql).check_database(database)
        return database, node.name.lower()

    def _exists(self, database: str, name: str) -> bool:
        with self.control.lock:
            return Catalog(self.account, self.region, self.sql).has(database, name)

    def _check_empty(self, location: str, what: str) -> None:
        from localaws.athena.catalog import folder_of
        from localaws.s3 import objects

        bucket, prefix = folder_of(location)
        with self.control.lock:
            if not objects.bucket_exists(self.account, bucket):
                raise QueryFailed(
                    f"HIVE_METASTORE_ERROR: The bucket {bucket} does not exist. Create it first."
                )
            if next(objects.listing(self.account, bucket, prefix), None) is not None:
                raise QueryFailed(
                    f"HIVE_PATH_ALREADY_EXISTS: Target directory for {what} already exists: {location}. "
                    "Remove its objects, or choose another location."
                )

    def _prepared(self, tree: exp.Expr) -> str:
        """Link and declare the tables of a query; return it for DuckDB."""
        if self.parameters:
            translate.with_parameters(tree, self.parameters)
        with self.control.lock:
            self._resolve(tree.copy(), self.database, Catalog(self.account, self.region, self.sql), 0)
        for relation in self.relations:
            sql = relation.sql(self._duck)
            self._duck.execute(f"CREATE OR REPLACE VIEW {quoted(relation.name)} AS {sql}")
        # a view comes after those that it reads
        for name, sql in self.views.items():
            self._duck.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {sql}")
        return self._written(translate.resolved(tree.copy(), self.database, lambda db, name: f"{db}.{name}"))

    def _resolve(self, tree: exp.Expr, database: str, catalog: Catalog, level: int) -> str:
        if level > MOST_LEVELS:
            raise QueryFailed("INVALID_VIEW: The view refers to itself.")
        return self._written(
            translate.resolved(tree, database, lambda db, name: self._declare(db, name, catalog, level))
        )

    def _written(self, tree: exp.Expr) -> str:
        tables = [each.table for each in self.relations]
        columns = {pair for table in tables for pair in (*table.columns, *table.keys)}
        dates = {name for name, kind in columns if kind == "date"}
        ambiguous = {name for name, kind in columns if kind != "date"}
        keys = {name for table in tables for name, _ in table.keys}
        plain = {name for table in tables for name, _ in table.columns}
        return translate.duckdb(trino.adapted(tree, dates - ambiguous, keys - plain))

    def _declare(self, database: str, name: str, catalog: Catalog, level: int) -> str:
        known = f"{database}.{name}"
        if known in self.views or any(each.name == known for each in self.relations):
            return known
        if database == "information_schema":
            self.views[known] = _information(name, catalog)
        elif name.endswith("$partitions"):
            self.views[known] = _partitions(catalog.table(database, name.removesuffix("$partitions")))
        else:
            self._declare_table(catalog.table(database, name), catalog, level)
        return known

    def _declare_table(self, table: Table, catalog: Catalog, level: int) -> None:
        if table.view:
            sql = self._resolve(translate.parsed(table.view), table.database, catalog, level + 1)
            self.views[f"{table.database}.{table.name}"] = sql
            return
        relation = Relation(table, f"t{len(self.relations)}_")
        relation.link(self.account, self.folder / "in")
        self.relations.append(relation)

    @property
    def _duck(self) -> duckdb.DuckDBPyConnection:
        if self.connection is None:
            self.connection = duck.connect(
                folders=[self.folder],
                scratch=self.folder / "scratch",
                memory_mb=MEMORY_MB,
                dialect=DIALECT,
            )
        return self.connection

    def _bound(self, query: str) -> tuple[list[str], list[Any]]:
        relation = self._duck.sql(query)
        return list(relation.columns), list(relation.types)

    def _checked(self, query: str) -> int:
        """Return how many bytes the query reads, unless the workgroup does not allow as many."""
        scanned = scan.scanned(self._duck, query, self.relations)
        if self.limit is not None and scanned > self.limit:
            raise QueryCancelled("Query cancelled! : Bytes scanned limit was exceeded", self.limit)
        return scanned


def _information(name: str, catalog: Catalog) -> str:
    rows: list[tuple[Any, ...]] = []
    for database in catalog.databases():
        if name == "schemata":
            rows.append(("awsdatacatalog", database))
            continue
        for table in catalog.tables(database):
            if name == "tables":
                rows.append(("awsdatacatalog", database, table.name, "VIEW" if table.view else "BASE TABLE"))
            for place, (column, kind) in enumerate((*table.columns, *table.keys), 1):
                if name == "columns":
                    rows.append(("awsdatacatalog", database, table.name, column, place, kind))
    if name not in _INFORMATION:
        raise QueryFailed(
            f"TABLE_NOT_FOUND: line 1:1: Table 'awsdatacatalog.information_schema.{name}' does not exist"
        )
    return _rows(_INFORMATION[name], rows)


def _partitions(table: Table) -> str:
    return _rows(tuple(name for name, _ in table.keys), [each.values for each in table.partitions])


def _rows(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    columns = ", ".join(map(quoted, names))
    shown = ", ".join(
        "(" + ", ".join(str(value) if isinstance(value, int) else literal(value) for value in row) + ")"
        for row in rows
    )
    if not rows:
        return f"SELECT * FROM (VALUES ({', '.join(['NULL'] * len(names))})) AS given({columns}) WHERE false"
    return f"SELECT * FROM (VALUES {shown}) AS given({columns})"
