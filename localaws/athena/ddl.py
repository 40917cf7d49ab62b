"""Hive's DDL as Athena has it: "CREATE TABLE", "ALTER TABLE ADD PARTITION", "SHOW PARTITIONS" and the rest.

`parse` returns the statement that a text is, or None when it is not DDL of this kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from localaws.athena.faults import QueryFailed
from localaws.athena.types import split

PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
JSON = "org.openx.data.jsonserde.JsonSerDe"
TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
PARQUET_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
PARQUET_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

NAME = r"(?P<name>[`\"\w.\-$]+)"
EXISTS = r"(?P<exists>IF\s+(?:NOT\s+)?EXISTS\s+)?"


@dataclass(frozen=True)
class Ddl:
    """A statement: what it does, to which name, and its clauses."""

    kind: str
    name: str = ""
    lenient: bool = False
    clauses: dict[str, Any] = field(default_factory=dict)


def parse(sql: str) -> Ddl | None:
    """Read a statement without its final semicolon; QueryFailed when it begins as DDL and then goes wrong."""
    for pattern, build in _FORMS:
        found = re.match(pattern, sql, re.IGNORECASE | re.DOTALL)
        if found:
            return build(found)
    return None


def unquoted(name: str) -> str:
    """Return a name as the catalog keeps it."""
    return name.replace("`", "").replace('"', "").strip().lower()


def _plain(kind: str) -> Callable[[re.Match[str]], Ddl]:
    def build(found: re.Match[str]) -> Ddl:
        groups = found.groupdict()
        clauses = {name: value for name, value in groups.items() if name not in ("name", "exists")}
        return Ddl(kind, unquoted(groups.get("name") or ""), bool(groups.get("exists")), clauses)

    return build


def _string(text: str) -> str:
    text = text.strip()
    inner = text[1:-1] if text[:1] in ("'", '"') else text
    return re.sub(r"\\(u[0-9a-fA-F]{4}|[0-7]{3}|.)", _unescaped, inner.replace("''", "'"))


def _unescaped(found: re.Match[str]) -> str:
    code = found.group(1)
    if code[0] == "u" and len(code) == 5:
        return chr(int(code[1:], 16))
    if len(code) == 3:
        return chr(int(code, 8))
    return {"t": "\t", "n": "\n", "r": "\r", "0": "\0"}.get(code, code)


def pairs(text: str) -> dict[str, str]:
    """Read `'a'='b', c=d`."""
    read = {}
    for part in split(text):
        name, equals, value = part.partition("=")
        if not equals:
            raise QueryFailed(f"FAILED: ParseException: missing '=' at '{part}'")
        read[_string(name)] = _string(value)
    return read


def values(text: str) -> dict[str, str]:
    """Read a partition's `a='b', c=1`; names as the catalog keeps them."""
    return {unquoted(name): value for name, value in pairs(text).items()}


def _columns(text: str) -> list[dict[str, str]]:
    columns = []
    for part in split(text):
        found = re.match(r"([`\"]?[\w$\-]+[`\"]?)\s*:?\s+(.+?)(?:\s+COMMENT\s+('.*'))?$", part, re.I | re.S)
        if not found:
            raise QueryFailed(
                f"FAILED: ParseException: cannot recognize input near '{part}' in column specification"
            )
        column = {"Name": unquoted(found.group(1)), "Type": re.sub(r"\s+", "", found.group(2)).lower()}
        columns.append(column | ({"Comment": _string(found.group(3))} if found.group(3) else {}))
    return columns


def bracket(text: str) -> tuple[str, str]:
    """Return what is within the bracket that the text begins with, and what follows."""
    depth, quote = 0, ""
    for position, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote and text[position - 1] != "\\" else quote
        elif letter in "'\"`":
            quote = letter
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
            if depth == 0:
                return text[1:position], text[position + 1 :].strip()
    raise QueryFailed("FAILED: ParseException: missing ) at the end of the statement")


def _create_table(found: re.Match[str]) -> Ddl:
    columns, rest = bracket(found.group("rest"))
    storage: dict[str, Any] = {"Columns": _columns(columns), "SerdeInfo": {"Parameters": {}}}
    table: dict[str, Any] = {
        "StorageDescriptor": storage,
        "PartitionKeys": [],
        "Parameters": {"EXTERNAL": "TRUE"},
    }
    _text_file(storage)
    while rest:
        for word, take in _CLAUSES:
            clause = re.match(word, rest, re.IGNORECASE | re.DOTALL)
            if clause:
                rest = take(table, clause, rest[clause.end() :].strip())
                break
        else:
            raise QueryFailed(f"FAILED: ParseException: extraneous input '{rest.split()[0]}' expecting EOF")
    if not storage.get("Location"):
        raise QueryFailed("FAILED: SemanticException [Error 10017]: LOCATION is required for EXTERNAL tables")
    return Ddl("create table", unquoted(found.group("name")), bool(found.group("exists")), {"table": table})


def _text_file(storage: dict[str, Any]) -> None:
    storage |= {"InputFormat": TEXT_INPUT, "OutputFormat": TEXT_OUTPUT}
    storage["SerdeInfo"].setdefault("SerializationLibrary", LAZY)


def _comment(table: dict[str, Any], found: re.Match[str], rest: str) -> str:
    table["Description"] = _string(found.group(1))
    return rest


def _partitioned(table: dict[str, Any], found: re.Match[str], rest: str) -> str:  # noqa: ARG001 - one of _CLAUSES
    inner, rest = bracket(rest)
    table["PartitionKeys"] = _columns(inner)
    return rest


def _serde(table: dict[str, Any], found: re.Match[str], rest: str) -> str:
    table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"] = _string(found.group(1))
    return rest


def _serde_properties(table: dict[str, Any], found: re.Match[str], rest: str) -> str:  # noqa: ARG001 - as above
    inner, rest = bracket(rest)
    table["StorageDescriptor"]["SerdeInfo"]["Parameters"] |= pairs(inner)
    return rest


def _delimited(table: dict[str, Any], found: re.Match[str], rest: str) -> str:  # noqa: ARG001 - as above
    names = {
        r"FIELDS\s+TERMINATED\s+BY": "field.delim",
        r"ESCAPED\s+BY": "escape.delim",
        r"LINES\s+TERMINATED\s+BY": "line.delim",
        r"COLLECTION\s+ITEMS\s+TERMINATED\s+BY": "collection.delim",
        r"MAP\s+KEYS\s+TERMINATED\s+BY": "mapkey.delim",
        r"NULL\s+DEFINED\s+AS": "serialization.null.format",
    }
    parameters = table["StorageDescriptor"]["SerdeInfo"]["Parameters"]
    more = True
    while more:
        more = False
        for words, name in names.items():
            clause = re.match(rf"{words}\s+('(?:[^'\\]|\\.)*')", rest, re.IGNORECASE)
            if clause:
                parameters[name] = _string(clause.group(1))
                rest, more = rest[clause.end() :].strip(), True
    if "field.delim" in parameters:
        parameters["serialization.format"] = parameters["field.delim"]
    return rest


def _stored(table: dict[str, Any], found: re.Match[str], rest: str) -> str:
    storage, kind = table["StorageDescriptor"], found.group(1).upper()
    if kind == "PARQUET":
        storage |= {"InputFormat": PARQUET_INPUT, "OutputFormat": PARQUET_OUTPUT}
        storage["SerdeInfo"]["SerializationLibrary"] = PARQUET
    elif kind == "JSON":
        storage["SerdeInfo"]["SerializationLibrary"] = JSON
    elif kind != "TEXTFILE":
        raise QueryFailed(f"NOT_SUPPORTED: STORED AS {kind} is not available in this local AWS. Use PARQUET.")
    return rest


def _formats(table: dict[str, Any], found: re.Match[str], rest: str) -> str:
    table["StorageDescriptor"] |= {
        "InputFormat": _string(found.group(1)),
        "OutputFormat": _string(found.group(2)),
    }
    return rest


def _location(table: dict[str, Any], found: re.Match[str], rest: str) -> str:
    location = _string(found.group(1))
    if not re.match(r"s3[an]?://[^/]+", location):
        raise QueryFailed(f"FAILED: SemanticException: {location} is not of the form s3://bucket/path/")
    table["StorageDescriptor"]["Location"] = location
    return rest


def _properties(table: dict[str, Any], found: re.Match[str], rest: str) -> str:  # noqa: ARG001 - as above
    inner, rest = bracket(rest)
    table["Parameters"] |= pairs(inner)
    return rest


_TEXT = r"('(?:[^'\\]|\\.|'')*'|\"[^\"]*\")"
_CLAUSES: tuple[tuple[str, Callable[[dict[str, Any], re.Match[str], str], str]], ...] = (
    (rf"COMMENT\s+{_TEXT}", _comment),
    (r"PARTITIONED\s+BY\s*(?=\()", _partitioned),
    (rf"ROW\s+FORMAT\s+SERDE\s+{_TEXT}", _serde),
    (r"WITH\s+SERDEPROPERTIES\s*(?=\()", _serde_properties),
    (r"ROW\s+FORMAT\s+DELIMITED", _delimited),
    (rf"STORED\s+AS\s+INPUTFORMAT\s+{_TEXT}\s+OUTPUTFORMAT\s+{_TEXT}", _formats),
    (r"STORED\s+AS\s+(\w+)", _stored),
    (rf"LOCATION\s+{_TEXT}", _location),
    (r"TBLPROPERTIES\s*(?=\()", _properties),
)


def _create_database(found: re.Match[str]) -> Ddl:
    rest = found.group("rest")
    comment = re.search(rf"COMMENT\s+{_TEXT}", rest, re.IGNORECASE)
    location = re.search(rf"LOCATION\s+{_TEXT}", rest, re.IGNORECASE)
    clauses = {
        "Description": _string(comment.group(1)) if comment else None,
        "LocationUri": _string(location.group(1)) if location else None,
    }
    return Ddl("create database", unquoted(found.group("name")), bool(found.group("exists")), clauses)


def _partitions(kind: str) -> Callable[[re.Match[str]], Ddl]:
    def build(found: re.Match[str]) -> Ddl:
        rest, listed = found.group("rest"), []
        while rest:
            opened = re.match(r",?\s*PARTITION\s*(?=\()", rest, re.IGNORECASE)
            if not opened:
                raise QueryFailed(f"FAILED: ParseException: cannot recognize input near '{rest.split()[0]}'")
            inner, rest = bracket(rest[opened.end() :])
            place = re.match(rf"LOCATION\s+{_TEXT}", rest, re.IGNORECASE)
            listed.append((values(inner), _string(place.group(1)) if place else None))
            rest = rest[place.end() :].strip() if place else rest
        return Ddl(kind, unquoted(found.group("name")), bool(found.group("exists")), {"partitions": listed})

    return build


_FORMS: tuple[tuple[str, Callable[[re.Match[str]], Ddl]], ...] = (
    (rf"CREATE\s+(?:DATABASE|SCHEMA)\s+{EXISTS}{NAME}\s*(?P<rest>.*)$", _create_database),
    (
        rf"DROP\s+(?:DATABASE|SCHEMA)\s+{EXISTS}{NAME}\s*(?P<cascade>CASCADE)?(?:RESTRICT)?\s*$",
        _plain("drop database"),
    ),
    (rf"CREATE\s+EXTERNAL\s+TABLE\s+{EXISTS}{NAME}\s*(?P<rest>\(.*)$", _create_table),
    (rf"DROP\s+TABLE\s+{EXISTS}{NAME}\s*$", _plain("drop table")),
    (rf"DROP\s+VIEW\s+{EXISTS}{NAME}\s*$", _plain("drop view")),
    (rf"ALTER\s+TABLE\s+{NAME}\s+ADD\s+{EXISTS}(?P<rest>PARTITION.*)$", _partitions("add partition")),
    (rf"ALTER\s+TABLE\s+{NAME}\s+DROP\s+{EXISTS}(?P<rest>PARTITION.*)$", _partitions("drop partition")),
    (
        rf"ALTER\s+TABLE\s+{NAME}\s+ADD\s+COLUMNS\s*\((?P<columns>.*)\)\s*$",
        lambda found: Ddl(
            "add columns", unquoted(found.group("name")), False, {"columns": _columns(found.group("columns"))}
        ),
    ),
    (
        rf"ALTER\s+TABLE\s+{NAME}\s+SET\s+TBLPROPERTIES\s*\((?P<properties>.*)\)\s*$",
        lambda found: Ddl(
            "set properties",
            unquoted(found.group("name")),
            False,
            {"properties": pairs(found.group("properties"))},
        ),
    ),
    (rf"MSCK\s+REPAIR\s+TABLE\s+{NAME}\s*$", _plain("repair table")),
    (r"SHOW\s+(?:DATABASES|SCHEMAS)(?:\s+LIKE\s+(?P<like>'[^']*'))?\s*$", _plain("show databases")),
    (rf"SHOW\s+TABLES(?:\s+IN\s+{NAME})?(?:\s+(?P<like>'[^']*'))?\s*$", _plain("show tables")),
    (rf"SHOW\s+VIEWS(?:\s+IN\s+{NAME})?(?:\s+LIKE\s+(?P<like>'[^']*'))?\s*$", _plain("show views")),
    (rf"SHOW\s+PARTITIONS\s+{NAME}\s*$", _plain("show partitions")),
    (rf"SHOW\s+COLUMNS\s+(?:FROM|IN)\s+{NAME}\s*$", _plain("show columns")),
    (rf"SHOW\s+TBLPROPERTIES\s+{NAME}\s*$", _plain("show properties")),
    (rf"SHOW\s+CREATE\s+TABLE\s+{NAME}\s*$", _plain("show create table")),
    (rf"SHOW\s+CREATE\s+VIEW\s+{NAME}\s*$", _plain("show create view")),
    (rf"DESC(?:RIBE)?\s+(?:EXTENDED\s+|FORMATTED\s+)?{NAME}\s*$", _plain("describe")),
)
