"""Data types: Hive's in the catalog, DuckDB's in the engine, Athena's in the results."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from localaws.athena.faults import QueryFailed

_FROM_HIVE = {
    "tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INTEGER", "integer": "INTEGER", "bigint": "BIGINT",
    "boolean": "BOOLEAN", "float": "FLOAT", "real": "FLOAT", "double": "DOUBLE", "string": "VARCHAR",
    "varchar": "VARCHAR", "char": "VARCHAR", "binary": "BLOB", "date": "DATE", "timestamp": "TIMESTAMP",
    "decimal": "DECIMAL(10,0)",
}  # fmt: skip

_TO_HIVE = {
    "tinyint": "tinyint", "smallint": "smallint", "integer": "int", "bigint": "bigint", "hugeint": "bigint",
    "boolean": "boolean", "float": "float", "double": "double", "varchar": "string", "blob": "binary",
    "date": "date", "timestamp": "timestamp", "timestamp with time zone": "timestamp", "json": "string",
    "uuid": "string", "time": "string", "utinyint": "smallint", "usmallint": "int", "uinteger": "bigint",
    "ubigint": "bigint", "timestamp_ns": "timestamp", "timestamp_ms": "timestamp", "timestamp_s": "timestamp",
    '"null"': "string",
}  # fmt: skip

_TO_ATHENA = {
    "hugeint": "bigint", "ubigint": "bigint", "uinteger": "bigint", "usmallint": "integer",
    "utinyint": "smallint", "blob": "varbinary", "list": "array", "array": "array", "struct": "row",
    "map": "map", "timestamp_ns": "timestamp", "timestamp_ms": "timestamp", "timestamp_s": "timestamp",
    "interval": "interval day to second", '"null"': "unknown",
}  # fmt: skip

_PRECISION = {
    "tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "float": 17, "double": 17, "timestamp": 3,
    "timestamp with time zone": 3, "varchar": 2147483647, "varbinary": 1073741824,
}  # fmt: skip


def split(text: str, separator: str = ",") -> Iterator[str]:
    """Split at separators that are within no bracket, quote or angle."""
    depth, start, quote = 0, 0, ""
    for position, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"`":
            quote = letter
        elif letter in "(<[{":
            depth += 1
        elif letter in ")>]}":
            depth -= 1
        elif letter == separator and depth == 0:
            yield text[start:position].strip()
            start = position + 1
    if text[start:].strip():
        yield text[start:].strip()


def from_hive(kind: str) -> str:
    """Return DuckDB's name of a type of the catalog; QueryFailed when there is none."""
    kind = kind.strip()
    name, inner = _opened(kind)
    if name == "array":
        return f"{from_hive(inner)}[]"
    if name == "map":
        key, value = split(inner)
        return f"MAP({from_hive(key)}, {from_hive(value)})"
    if name in ("struct", "row"):
        fields = (tuple(split(field, ":")) for field in split(inner))
        return f"STRUCT({', '.join(f'{quoted(field)} {from_hive(of)}' for field, of in fields)})"
    if name == "decimal" and inner:
        return f"DECIMAL({inner})"
    if name not in _FROM_HIVE:
        raise QueryFailed(f"HIVE_INVALID_METADATA: The type {kind} is not available.")
    return _FROM_HIVE[name]


def _opened(kind: str) -> tuple[str, str]:
    found = re.fullmatch(r"(\w+)\s*[<(](.*)[>)]", kind, re.DOTALL)
    return (found.group(1).lower(), found.group(2)) if found else (kind.lower(), "")


def to_hive(kind: Any) -> str:
    """Return the catalog's name of one of DuckDB's types."""
    children = dict(kind.children) if kind.id in ("list", "array", "struct", "map", "decimal") else {}
    if kind.id in ("list", "array"):
        return f"array<{to_hive(children['child'])}>"
    if kind.id == "map":
        return f"map<{to_hive(children['key'])},{to_hive(children['value'])}>"
    if kind.id == "struct":
        return f"struct<{','.join(f'{name}:{to_hive(child)}' for name, child in children.items())}>"
    if kind.id == "decimal":
        return f"decimal({children['precision']},{children['scale']})"
    return _TO_HIVE.get(kind.id, "string")


def column_info(name: str, kind: Any) -> dict[str, Any]:
    """Return ColumnInfo of a result's column."""
    athena = _TO_ATHENA.get(kind.id, kind.id)
    precision, scale = _PRECISION.get(athena, 0), 0
    if athena == "decimal":
        numbers = dict(kind.children)
        precision, scale = numbers["precision"], numbers["scale"]
    return described(name, athena, precision, scale)


def described(name: str, athena: str, precision: int = 0, scale: int = 0) -> dict[str, Any]:
    """Return ColumnInfo with Athena's constants."""
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": athena,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": athena == "varchar",
    }


def quoted(name: str) -> str:
    """Return an identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a string in quotes."""
    return "'" + text.replace("'", "''") + "'"


def shown(value: str, kind: Any) -> str:
    """Return SQL that writes the expression `value` as Athena's results do."""
    children = dict(kind.children) if kind.id in ("list", "array", "struct", "map") else {}
    if kind.id in ("list", "array"):
        inner = f"list_transform({value}, lambda x: coalesce({shown('x', children['child'])}, 'null'))"
        return f"'[' || array_to_string({inner}, ', ') || ']'"
    if kind.id == "map":
        key, item = shown("e.key", children["key"]), shown("e.value", children["value"])
        entry = f"{key} || '=' || coalesce({item}, 'null')"
        return (
            f"'{{' || array_to_string(list_transform(map_entries({value}), lambda e: {entry}), ', ') || '}}'"
        )
    if kind.id == "struct":
        fields = [
            f"{literal(name + '=')} || coalesce({shown(f'{value}.{quoted(name)}', child)}, 'null')"
            for name, child in children.items()
        ]
        joined = " || ', ' || ".join(fields)
        return f"CASE WHEN {value} IS NOT NULL THEN '{{' || {joined} || '}}' END"
    if kind.id.startswith("timestamp"):
        zone = " || ' UTC'" if "zone" in kind.id else ""
        return f"strftime({value}, '%Y-%m-%d %H:%M:%S.%g'){zone}"
    if kind.id in ("double", "float"):
        return f"replace(replace(CAST({value} AS VARCHAR), 'e+', 'E'), 'e-', 'E-')"
    if kind.id == "blob":
        return f"trim(regexp_replace(lower(hex({value})), '(..)', '\\1 ', 'g'))"
    return f"CAST({value} AS VARCHAR)"
