"""A table as DuckDB reads it: links to its objects in the query's folder, and the SQL over them.

The links lie in folders that are named by the partition columns, so that DuckDB's own pruning applies.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from localaws.athena import projection
from localaws.athena.catalog import Partition, Table, folder_of
from localaws.athena.faults import QueryFailed
from localaws.athena.metadata import NULL_VALUE
from localaws.athena.types import from_hive, literal, quoted
from localaws.s3 import objects

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
REFUSED = (".bz2", ".lzo", ".snappy", ".lz4")


@dataclass(frozen=True)
class File:
    """A link, the partition that it belongs to, and the size of the object."""

    path: Path
    values: tuple[str, ...]
    size: int


@dataclass
class Relation:
    """A table's files in the folder of a query; `mark` sets its columns apart from other tables'."""

    table: Table
    mark: str
    files: list[File] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The view's name."""
        return f"{self.table.database}.{self.table.name}"

    @property
    def keys(self) -> list[str]:
        """The partition columns as they are called in the folders' names."""
        return [f"{self.mark}{name}" for name, _ in self.table.keys]

    def link(self, account: str, folder: Path) -> None:
        """Link the objects of all partitions; under the control plane's lock."""
        for partition in _partitions(self.table, account):
            home = folder / self.mark
            for key, value in zip(self.keys, partition.values, strict=True):
                home /= f"{key}={quote(value, safe='') or NULL_VALUE}"
            bucket, prefix = folder_of(partition.location)
            for each in objects.listing(account, bucket, prefix):
                base = each.key.rpartition("/")[2]
                if base.startswith(("_", ".")) or not each.size:
                    continue
                self._link(
                    each.path, home / f"{len(self.files)}-{_suffix(base)}", partition.values, each.size
                )

    def _link(self, source: Path, target: Path, values: tuple[str, ...], size: int) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)
        self.files.append(File(target, values, size))

    def sql(self, connection: DuckDBPyConnection) -> str:
        """Return the SELECT that reads the table."""
        if not self.files:
            nothing = (f"CAST(NULL AS {from_hive(kind)}) AS {quoted(name)}" for name, kind in self._all)
            return f"SELECT {', '.join(nothing)} WHERE false"
        if self.table.format == "parquet":
            return self._parquet(connection)
        return self._json() if self.table.format == "json" else self._delimited()

    @property
    def _all(self) -> tuple[tuple[str, str], ...]:
        return (*self.table.columns, *self.table.keys)

    def _source(self, function: str, *options: str) -> str:
        files = ", ".join(literal(str(each.path)) for each in self.files)
        hive = []
        if self.keys:
            kinds = (
                f"{literal(key)}: {from_hive(kind)}"
                for key, (_, kind) in zip(self.keys, self.table.keys, strict=True)
            )
            hive = ["hive_partitioning = true", f"hive_types = {{{', '.join(kinds)}}}"]
        else:
            hive = ["hive_partitioning = false"]
        return f"{function}({', '.join([f'[{files}]', *hive, *options])})"

    def _key_columns(self) -> list[str]:
        return [
            f"{quoted(key)} AS {quoted(name)}"
            for key, (name, _) in zip(self.keys, self.table.keys, strict=True)
        ]

    def _parquet(self, connection: DuckDBPyConnection) -> str:
        rows = connection.execute(
            "SELECT DISTINCT name FROM parquet_schema($1)", [str(self.files[0].path)]
        ).fetchall()
        found = {str(name).lower(): str(name) for (name,) in rows}
        columns = [_parquet_column(name, kind, found) for name, kind in self.table.columns]
        source = self._source("read_parquet")
        return f"SELECT {', '.join([*columns, *self._key_columns()])} FROM {source}"

    def _json(self) -> str:
        spelled = self._spellings()
        columns = {name: spelled.get(name, name) for name, _ in self.table.columns}
        kinds = ", ".join(
            f"{literal(columns[name])}: {literal(from_hive(kind))}" for name, kind in self.table.columns
        )
        options = ["format = 'newline_delimited'", f"columns = {{{kinds}}}"]
        if self.table.serde.get("ignore.malformed.json", "").lower() == "true":
            options.append("ignore_errors = true")
        chosen = [f"{quoted(columns[name])} AS {quoted(name)}" for name, _ in self.table.columns]
        return (
            f"SELECT {', '.join([*chosen, *self._key_columns()])} FROM {self._source('read_json', *options)}"
        )

    def _spellings(self) -> dict[str, str]:
        """Return the keys of the first line by their lower-case names: the SerDe ignores case."""
        first = self.files[0].path
        opener = gzip.open if first.suffix == ".gz" else open
        with opener(first, "rb") as stream:
            try:
                found = json.loads(stream.readline())
            except ValueError:
                return {}
        named = {to: name for name, to in self._mapped().items()}
        return {named.get(key, key.lower()): key for key in found} if isinstance(found, dict) else {}

    def _mapped(self) -> dict[str, str]:
        return {
            name.removeprefix("mapping."): key
            for name, key in self.table.serde.items()
            if name.startswith("mapping.")
        }

    def _delimited(self) -> str:
        serde, parameters = self.table.serde, self.table.parameters
        quoting = self.table.format == "csv"
        delimiter = serde.get("separatorChar", ",") if quoting else serde.get("field.delim", "\1")
        quote_char = serde.get("quoteChar", '"') if quoting else ""
        escape = serde.get("escapeChar", quote_char) if quoting else serde.get("escape.delim", "")
        columns = [f"{self.mark}{name}" for name, _ in self.table.columns]
        kinds = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
        options = [
            "auto_detect = false", "header = false", "all_varchar = true", "null_padding = true",
            "strict_mode = false", f"skip = {int(parameters.get('skip.header.line.count', 0))}",
            f"delim = {literal(delimiter)}", f"quote = {literal(quote_char)}",
            f"escape = {literal(escape if escape != chr(92) or not quoting else quote_char)}",
            f"nullstr = {literal(serde.get('serialization.null.format', chr(92) + 'N'))}",
            f"columns = {{{kinds}}}",
        ]  # fmt: skip
        chosen = [_from_text(f"{self.mark}{name}", name, kind) for name, kind in self.table.columns]
        return (
            f"SELECT {', '.join([*chosen, *self._key_columns()])} FROM {self._source('read_csv', *options)}"
        )


def _suffix(base: str) -> str:
    for ending in REFUSED:
        if base.endswith(ending):
            raise QueryFailed(
                f"HIVE_UNSUPPORTED_FORMAT: {base}: {ending} is not available in this local AWS. Use gzip."
            )
    return "data" + next((ending for ending in COMPRESSIONS if base.endswith(ending)), "")


def _parquet_column(name: str, kind: str, found: dict[str, str]) -> str:
    if name not in found:
        return f"CAST(NULL AS {from_hive(kind)}) AS {quoted(name)}"
    return f"{quoted(found[name])} AS {quoted(name)}"


def _from_text(source: str, name: str, kind: str) -> str:
    target = from_hive(kind)
    if target == "VARCHAR":
        return f"{quoted(source)} AS {quoted(name)}"
    if (
        not target.replace("(", " ").split()[0].isalpha()
        or target.endswith("[]")
        or target.startswith(("MAP", "STRUCT"))
    ):
        raise QueryFailed(
            f"HIVE_UNSUPPORTED_FORMAT: Columns of type {kind} in text files are not available here."
        )
    # without trim the reader itself would cast, and fail where Hive has NULL
    return f"TRY_CAST(trim({quoted(source)}) AS {target}) AS {quoted(name)}"


def _partitions(table: Table, account: str) -> Iterator[Partition]:
    if not table.keys:
        yield Partition((), table.location)
    elif table.parameters.get("projection.enabled", "").lower() == "true":
        yield from projection.partitions(table, account)
    else:
        yield from table.partitions
