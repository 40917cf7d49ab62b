"""CREATE TABLE AS, INSERT INTO and UNLOAD: files that become objects, all at once with the table."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from localaws.athena import ddl
from localaws.athena.catalog import Table, folder_of
from localaws.athena.faults import QueryFailed
from localaws.athena.metadata import NULL_VALUE, partition_added, partition_location
from localaws.athena.outcome import Outcome
from localaws.athena.types import from_hive, literal, quoted, to_hive

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_PARTITIONS = 100
_COMPRESSIONS = {
    "SNAPPY": "snappy",
    "GZIP": "gzip",
    "ZSTD": "zstd",
    "NONE": "uncompressed",
    "UNCOMPRESSED": "uncompressed",
}
_SERDES = {"parquet": ddl.PARQUET, "json": ddl.JSON, "text": ddl.LAZY}
_FORMATS = {"PARQUET": "parquet", "JSON": "json", "TEXTFILE": "text"}


@dataclass(frozen=True)
class Form:
    """How files are written."""

    format: str
    compression: str
    delimiter: str
    keys: tuple[str, ...]

    @classmethod
    def of(cls, given: dict[str, Any]) -> Form:
        """Read the WITH properties of CREATE TABLE AS or UNLOAD."""
        name = str(given.get("format", "PARQUET")).upper()
        if name not in _FORMATS:
            raise QueryFailed(
                f"NOT_SUPPORTED: The format {name} is not available in this local AWS. Use PARQUET."
            )
        if given.get("bucketed_by"):
            raise QueryFailed("NOT_SUPPORTED: Bucketed tables are not available in this local AWS.")
        kind = _FORMATS[name]
        chosen = str(
            given.get("write_compression") or given.get("compression") or given.get("parquet_compression")
            or ("GZIP" if kind == "parquet" or name == "TEXTFILE" else "NONE")
        ).upper()  # fmt: skip
        if chosen not in _COMPRESSIONS:
            raise QueryFailed(
                f"NOT_SUPPORTED: The compression {chosen} is not available. Use SNAPPY, GZIP or ZSTD."
            )
        delimiter = str(given.get("field_delimiter", "\1"))
        return cls(kind, _COMPRESSIONS[chosen], delimiter, tuple(given.get("partitioned_by", ())))

    @classmethod
    def like(cls, table: Table) -> Form:
        """Write as the files of a table are written."""
        kind = table.format
        if kind == "csv":
            raise QueryFailed(
                "NOT_SUPPORTED: INSERT INTO a table of OpenCSVSerde is not available, here as on AWS."
            )
        delimiter = table.serde.get("field.delim", "\1")
        compression = "snappy" if kind == "parquet" else "gzip"
        return cls(kind, compression, delimiter, tuple(name for name, _ in table.keys))

    def options(self) -> str:
        """Return the options of DuckDB's COPY."""
        kind = {"parquet": "parquet", "json": "json", "text": "csv"}[self.format]
        options = [f"FORMAT {kind}"]
        if self.format == "parquet" or self.compression != "uncompressed":
            options.append(f"COMPRESSION {self.compression}")
        if self.format == "text":
            options += [
                "HEADER false",
                f"DELIMITER {literal(self.delimiter)}",
                "QUOTE ''",
                "ESCAPE ''",
                "NULLSTR '\\N'",
            ]
        if self.keys:
            options.append(f"PARTITION_BY ({', '.join(map(quoted, self.keys))})")
        return ", ".join(options)


def write(
    connection: DuckDBPyConnection, sql: str, form: Form, folder: Path, query_id: str
) -> list[tuple[str, Path]]:
    """Run a query and write its rows; return the files with their keys below the table's location."""
    folder.mkdir()
    ending = {"gzip": ".gz", "zstd": ".zst"}.get(form.compression, "") if form.format != "parquet" else ""
    if not form.keys:
        file = folder / f"data{ending}"
        connection.execute(f"COPY ({sql}) TO {literal(str(file))} ({form.options()})")
        return [(f"{query_id}{ending}", file)]
    out = folder / "out"
    connection.execute(f"COPY ({sql}) TO {literal(str(out))} ({form.options()})")
    written = sorted(path for path in out.rglob("*") if path.is_file()) if out.exists() else []
    if len({path.parent for path in written}) > MOST_PARTITIONS:
        shutil.rmtree(folder)
        raise QueryFailed(
            "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers for partitions/buckets"
        )
    return [
        (f"{path.relative_to(out).parent.as_posix()}/{query_id}_{place}{ending}", path)
        for place, path in enumerate(written)
    ]


def values_of(key: str, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the partition that a file lies in."""
    steps = key.split("/")[: len(keys)]
    return tuple(unquote(step.partition("=")[2]) or NULL_VALUE for step in steps)


def created(
    database: str,
    name: str,
    location: str,
    form: Form,
    columns: list[tuple[str, Any]],
    files: list[tuple[str, Path]],
) -> Outcome:
    """Return the outcome of CREATE TABLE AS."""
    fields = [{"Name": column, "Type": to_hive(kind)} for column, kind in columns]
    text = form.format != "parquet"
    serde: dict[str, Any] = {"SerializationLibrary": _SERDES[form.format], "Parameters": {}}
    if form.format == "text":
        serde["Parameters"] = {"field.delim": form.delimiter, "serialization.format": form.delimiter}
    storage = {
        "Columns": [each for each in fields if each["Name"] not in form.keys],
        "Location": location,
        "InputFormat": ddl.TEXT_INPUT if text else ddl.PARQUET_INPUT,
        "OutputFormat": ddl.TEXT_OUTPUT if text else ddl.PARQUET_OUTPUT,
        "SerdeInfo": serde,
    }
    table = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Owner": "hadoop",
        "StorageDescriptor": storage,
        "PartitionKeys": [each for each in fields if each["Name"] in form.keys],
        "Parameters": {"EXTERNAL": "TRUE", "has_encrypted_data": "false"},
    }
    partitions = sorted({values_of(key, form.keys) for key, _ in files}) if form.keys else []
    made = Table(database, name, (), tuple((key, "") for key in form.keys), location, "", {}, {}, raw=table)
    return Outcome(
        changes=[
            ["create_table", database, name, table],
            *(partition_added(made, each, partition_location(made, each)) for each in partitions),
        ],
        objects=_objects(location, files),
    )


def inserted(table: Table, form: Form, files: list[tuple[str, Path]]) -> Outcome:
    """Return the outcome of INSERT INTO."""
    known = {each.values for each in table.partitions}
    partitions = sorted({values_of(key, form.keys) for key, _ in files} - known) if form.keys else []
    return Outcome(
        changes=[partition_added(table, each, partition_location(table, each)) for each in partitions],
        objects=_objects(table.location, files),
    )


def _objects(location: str, files: list[tuple[str, Path]]) -> list[tuple[str, str, Path]]:
    bucket, prefix = folder_of(location)
    return [(bucket, f"{prefix}{key}", path) for key, path in files]


def unloaded(location: str, files: list[tuple[str, Path]]) -> Outcome:
    """Return the outcome of UNLOAD."""
    return Outcome(objects=_objects(location, files))


def fitted(sql: str, table: Table, listed: list[str], given: int) -> str:
    """Return the query with the table's columns, types and order."""
    everything = [*table.columns, *table.keys]
    names = listed or [name for name, _ in everything]
    if len(names) != given:
        raise QueryFailed(
            f"SYNTAX_ERROR: line 1:1: Insert query has mismatched column types: Table has {len(names)} "
            f"columns, query has {given}"
        )
    inner = ", ".join(quoted(f"c{place}") for place in range(given))
    sources = {name: f"c{place}" for place, name in enumerate(names)}
    chosen = ", ".join(
        f"CAST({quoted(sources[name]) if name in sources else 'NULL'} AS {from_hive(kind)}) AS {quoted(name)}"
        for name, kind in everything
    )
    return f"SELECT {chosen} FROM ({sql}) AS given({inner})"
