"""Athena's SQL (Trino's) into DuckDB's, with the tables that it names."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from localaws.athena import trino
from localaws.athena.faults import QueryFailed

logging.getLogger("sqlglot").setLevel(logging.ERROR)

Resolve = Callable[[str, str], str]
"""Takes database and table, returns the name of the view that stands for it."""


def parsed(sql: str) -> exp.Expr:
    """Read a statement; QueryFailed where it is none."""
    try:
        trino.check(sqlglot.tokenize(sql, read="athena"))
        tree = sqlglot.parse_one(sql, read="athena")
    except (ParseError, TokenError) as error:
        raise _syntax(error, sql) from None
    if isinstance(tree, exp.Command):
        raise QueryFailed(f"SYNTAX_ERROR: line 1:1: mismatched input '{sql.split()[0]}'")
    return tree


def _syntax(error: ParseError | TokenError, sql: str) -> QueryFailed:
    details = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    word = str(details.get("highlight") or "<EOF>")
    line = details.get("line", 1)
    column = max(int(details.get("col", len(sql))) - len(word) + 1, 1)
    return QueryFailed(f"SYNTAX_ERROR: line {line}:{column}: mismatched input '{word}'")


def with_parameters(tree: exp.Expr, values: list[str]) -> exp.Expr:
    """Put the values in the place of the question marks."""
    marks = sorted(tree.find_all(exp.Placeholder), key=_position)
    if len(marks) != len(values):
        raise QueryFailed(
            f"INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: expected {len(marks)} "
            f"but found {len(values)}"
        )
    for mark, value in zip(marks, values, strict=True):
        mark.replace(parsed(f"SELECT {value}").expressions[0])
    return tree


def _position(mark: exp.Expr) -> tuple[int, ...]:
    """Return where a node stands in the tree, which is the order of the text."""
    path: list[int] = []
    node: exp.Expr = mark
    while node.parent is not None:
        siblings = [id(child) for child in node.parent.iter_expressions()]
        path.insert(0, siblings.index(id(node)))
        node = node.parent
    return tuple(path)


def resolved(tree: exp.Expr, database: str, resolve: Resolve) -> exp.Expr:
    """Replace each table by the view that stands for it."""
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    names = {table.alias_or_name.lower() for table in tree.find_all(exp.Table)}
    for table in list(tree.find_all(exp.Table)):
        if not isinstance(table.this, exp.Identifier):
            function = table.this.name or table.this.sql_name()
            raise QueryFailed(
                f"FUNCTION_NOT_FOUND: line 1:1: Table function '{function.lower()}' not registered"
            )
        if not table.db and table.name.lower() in own:
            continue
        view = resolve((table.db or database).lower(), table.name.lower())
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        table.set("this", exp.to_identifier(view, quoted=True))
        table.set("db", None)
        table.set("catalog", None)
    for column in tree.find_all(exp.Column):
        if column.args.get("db") and column.db.lower() not in names:
            column.set("db", None)
            column.set("catalog", None)
    return tree


def duckdb(tree: exp.Expr) -> str:
    """Write the statement for DuckDB."""
    return tree.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE)


def names_of(tree: exp.Expr, given: list[str]) -> list[str]:
    """Return a result's column names: what has none is `_col0`, `_col1` by its place."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    chosen = select.expressions if isinstance(select, exp.Select) else []
    if len(chosen) != len(given) or any(each.is_star for each in chosen):
        return [f"_col{place}" if re.fullmatch(r"col\d+", name) else name for place, name in enumerate(given)]
    return [_name(each) or f"_col{place}" for place, each in enumerate(chosen)]


def _name(node: exp.Expr) -> str:
    if isinstance(node, exp.Alias | exp.Column | exp.Dot):
        return str(node.output_name).lower()
    return ""


def properties(tree: exp.Expr) -> dict[str, Any]:
    """Return the WITH properties of CREATE TABLE AS by their names in lower case."""
    found = tree.args.get("properties")
    return dict(_property(each) for each in found.expressions) if found is not None else {}


def _property(node: exp.Expr) -> tuple[str, Any]:
    if isinstance(node, exp.FileFormatProperty):
        return "format", node.this.name
    if isinstance(node, exp.PartitionedByProperty):
        return "partitioned_by", list(_words(node.this))
    value = node.args.get("value")
    if isinstance(value, exp.Array):
        return node.name.lower(), list(_words(value))
    return node.name.lower(), value.name if value is not None else ""


def _words(node: exp.Expr) -> Iterator[str]:
    yield from (each.name.lower() for each in node.expressions)
