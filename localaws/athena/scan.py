"""How much a query reads: DuckDB's plan says which files and columns, the objects say how large those are.

Text is read whole (its compressed size counts), of Parquet only the chunks of the columns that are asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.athena.relation import File, Relation
from localaws.athena.types import from_hive, literal, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FUNCTIONS = {"READ_PARQUET": "parquet", "READ_JSON": "json", "READ_CSV": "csv"}


@dataclass(frozen=True)
class Node:
    """A scan of the plan."""

    format: str
    columns: frozenset[str]
    pruning: str


def scanned(connection: DuckDBPyConnection, sql: str, relations: list[Relation]) -> int:
    """Return the bytes that the query is going to read."""
    plan = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()[0][1]
    nodes = sorted(_nodes(json.loads(plan)), key=lambda node: len(_candidates(node, relations)))
    total, used = 0, set[str]()
    for node in nodes:
        candidates = _candidates(node, relations)
        if candidates:
            chosen = next((each for each in candidates if each.mark not in used), candidates[0])
            used.add(chosen.mark)
            total += _size(connection, node, chosen)
    return total


def _nodes(tree: list[dict[str, Any]]) -> Iterator[Node]:
    for node in tree:
        details = node.get("extra_info") or {}
        if details.get("Function") in FUNCTIONS:
            pruning = _text(details.get("File Filters"))
            words = " ".join(_text(details.get(name)) for name in ("Projections", "Filters")) + " " + pruning
            columns = {word.lower() for word in re.findall(r"[\w$]+", words)}
            yield Node(FUNCTIONS[details["Function"]], frozenset(columns), pruning)
        yield from _nodes(node.get("children") or [])


def _text(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value or "")


def _candidates(node: Node, relations: list[Relation]) -> list[Relation]:
    """Return the tables whose scan this may be: the marks of partition columns and of text tell for sure."""
    formats = {"parquet": ("parquet",), "json": ("json",), "csv": ("csv", "text")}[node.format]
    fitting = [each for each in relations if each.files and each.table.format in formats]
    marked = [each for each in fitting if any(column.startswith(each.mark) for column in node.columns)]
    return marked or sorted(
        fitting, key=lambda each: -len(node.columns & {name for name, _ in each.table.columns})
    )


def _size(connection: DuckDBPyConnection, node: Node, relation: Relation) -> int:
    files = _files(connection, node, relation)
    if node.format != "parquet":
        return sum(each.size for each in files)
    wanted = [name for name, _ in relation.table.columns if name in node.columns]
    if not wanted or not files:
        return 0
    paths = ", ".join(literal(str(each.path)) for each in files)
    row = connection.execute(
        "SELECT coalesce(sum(total_compressed_size), 0) "
        f"FROM parquet_metadata([{paths}]) WHERE lower(split_part(path_in_schema, ', ', 1)) IN "
        f"({', '.join(map(literal, wanted))})"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _files(connection: DuckDBPyConnection, node: Node, relation: Relation) -> list[File]:
    if not node.pruning:
        return relation.files
    kinds = [from_hive(kind) for _, kind in relation.table.keys]
    rows = ", ".join(
        f"({place}, {', '.join(map(literal, each.values))})" for place, each in enumerate(relation.files)
    )
    keys = ", ".join(
        f"CAST({quoted(f'v{place}')} AS {kind}) AS {quoted(key)}"
        for place, (key, kind) in enumerate(zip(relation.keys, kinds, strict=True))
    )
    names = ", ".join(quoted(f"v{place}") for place in range(len(kinds)))
    kept = connection.execute(
        f"SELECT place FROM (SELECT place, {keys} FROM (VALUES {rows}) AS given(place, {names})) "
        f"WHERE {node.pruning}"
    ).fetchall()
    return [relation.files[place] for (place,) in kept]
