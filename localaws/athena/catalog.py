"""Tables of the Glue Data Catalog as a query sees them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from moto.glue.models import glue_backends

from localaws.athena.faults import QueryFailed, place

CATALOG = "awsdatacatalog"
_VIEW = "/* Presto View: "

Columns = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Partition:
    """One partition: its keys' values and where its files are."""

    values: tuple[str, ...]
    location: str


@dataclass(frozen=True)
class Table:
    """A table or a view; types are Hive's."""

    database: str
    name: str
    columns: Columns
    keys: Columns
    location: str
    library: str
    serde: dict[str, str]
    parameters: dict[str, str]
    partitions: tuple[Partition, ...] = ()
    view: str | None = None
    raw: dict[str, Any] = field(default_factory=dict)

    @property
    def format(self) -> str:
        """How its files are written: parquet, json, csv (quoted) or text."""
        library = self.library.lower()
        if "table_type" in self.parameters and self.parameters["table_type"].lower() == "iceberg":
            raise self._refused("Iceberg tables")
        for word, name in (
            ("parquet", "parquet"),
            ("jsonserde", "json"),
            ("opencsv", "csv"),
            ("lazysimple", "text"),
        ):
            if word in library:
                return name
        raise self._refused(self.library or "tables without a SerDe")

    def _refused(self, what: str) -> QueryFailed:
        return QueryFailed(
            f"HIVE_UNSUPPORTED_FORMAT: {what} are not available in this local AWS. Use Parquet, JSON or CSV."
        )


def backend(account: str, region: str) -> Any:
    """Return Glue's model."""
    return glue_backends[account][region]


class Catalog:
    """One account's databases; ask while you hold the control plane's lock."""

    def __init__(self, account: str, region: str, sql: str = "") -> None:
        self._glue = backend(account, region)
        self._sql = sql

    def databases(self) -> list[str]:
        """Return the names of all databases."""
        return sorted({"default", *self._glue.databases})

    def has(self, database: str, name: str) -> bool:
        """Whether there is such a table or view."""
        found = self._glue.databases.get(database.lower())
        return found is not None and name.lower() in found.tables

    def check_database(self, name: str) -> None:
        """Fail unless the database exists."""
        if name.lower() not in self.databases():
            raise QueryFailed(
                f"SCHEMA_NOT_FOUND: {place(self._sql, name)}: Schema '{name.lower()}' does not exist"
            )

    def tables(self, database: str) -> list[Table]:
        """Return the tables and views of a database."""
        self.check_database(database)
        found = self._glue.databases.get(database.lower())
        return [_table(each) for _, each in sorted(found.tables.items())] if found else []

    def table(self, database: str, name: str) -> Table:
        """Return a table or view, or fail as Athena does."""
        self.check_database(database)
        if not self.has(database, name):
            where = f"{CATALOG}.{database.lower()}.{name.lower()}"
            raise QueryFailed(f"TABLE_NOT_FOUND: {place(self._sql, name)}: Table '{where}' does not exist")
        return _table(self._glue.databases[database.lower()].tables[name.lower()])


def _table(made: Any) -> Table:
    given = made.as_dict()
    storage = given.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    return Table(
        database=made.database_name,
        name=made.name,
        columns=_columns(storage.get("Columns")),
        keys=_columns(given.get("PartitionKeys")),
        location=storage.get("Location") or "",
        library=serde.get("SerializationLibrary") or "",
        serde=serde.get("Parameters") or {},
        parameters=given.get("Parameters") or {},
        partitions=tuple(
            Partition(
                tuple(each.values),
                (each.partition_input.get("StorageDescriptor") or {}).get("Location") or "",
            )
            for each in made.partitions.values()
        ),
        view=_view(given.get("ViewOriginalText") or ""),
        raw=given,
    )


def _columns(given: list[dict[str, str]] | None) -> Columns:
    return tuple((each["Name"].lower(), each.get("Type") or "string") for each in given or [])


def _view(text: str) -> str | None:
    if not text.startswith(_VIEW):
        return text or None
    encoded = text.removeprefix(_VIEW).partition(" ")[0]
    return str(json.loads(base64.b64decode(encoded))["originalSql"])


def view_text(sql: str, database: str, columns: list[dict[str, str]]) -> str:
    """Return the ViewOriginalText that Athena keeps of a view."""
    document = {"originalSql": sql, "catalog": CATALOG, "schema": database, "columns": columns}
    return f"{_VIEW}{base64.b64encode(json.dumps(document).encode()).decode()} */"


def bucket_and_key(location: str) -> tuple[str, str]:
    """Split an S3 URL; QueryFailed when it is none."""
    parts = urlsplit(location)
    if parts.scheme not in ("s3", "s3a", "s3n") or not parts.netloc:
        raise QueryFailed(
            f"HIVE_METASTORE_ERROR: {location or 'The location'} is not of the form s3://bucket/path/"
        )
    return parts.netloc, parts.path.lstrip("/")


def folder_of(location: str) -> tuple[str, str]:
    """Return bucket and key prefix of the objects below a location."""
    bucket, key = bucket_and_key(location)
    return bucket, key if not key or key.endswith("/") else f"{key}/"
