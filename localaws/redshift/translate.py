"""Redshift's SQL as DuckDB understands it; what DuckDB has no word for (keys) is taken out and kept.

AWS: "SQL reference" in the Amazon Redshift Database Developer Guide.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from localaws.redshift.faults import SqlError

logging.getLogger("sqlglot").setLevel(logging.ERROR)

OWN = "localaws"
"""Schema of the system views and of what is remembered of tables."""
SYSTEM = frozenset({"svv_table_info", "pg_table_def"})
PUBLIC, MAIN = "public", "main"
# Words that mean nothing without slices and blocks: they succeed and do nothing.
_NOTHING = (
    "vacuum", "analyze", "grant", "revoke", "set ", "reset", "lock", "comment",
    # a statement of the Data API is a transaction of its own
    "begin", "start transaction", "commit", "end", "rollback", "abort",
)  # fmt: skip
_ABSENT = {
    "create database": "A cluster has one database here.",
    "create user": "There are no users and groups in a cluster here.",
    "create group": "There are no users and groups in a cluster here.",
    "create external": "External schemas (Spectrum) are not available in this local AWS.",
    "create model": "Redshift ML is not available in this local AWS.",
    "create procedure": "Stored procedures are not available in this local AWS.",
    "create function": "Functions of your own are not available in this local AWS.",
    "attach": "Only the cluster's own database can be reached.",
    "pragma": 'syntax error at or near "pragma"',
    "install": 'syntax error at or near "install"',
    "load": 'syntax error at or near "load"',
    "use": 'syntax error at or near "use"',
}  # fmt: skip


@dataclass
class Layout:
    """How a table says that its rows are spread and sorted."""

    style: str = "AUTO(ALL)"
    dist_key: str | None = None
    sort_keys: list[str] = field(default_factory=list)


@dataclass
class Translation:
    """DuckDB's statements for one of Redshift's."""

    statements: list[str]
    returns_rows: bool = False
    table: tuple[str, str] | None = None
    layout: Layout | None = None


def split(sql: str) -> list[str]:
    """Return the statements of a text, without those that are empty."""
    parts: list[str] = []
    start = 0
    for token in _tokens(sql):
        if token.token_type == TokenType.SEMICOLON:
            parts.append(sql[start : token.start])
            start = token.end + 1
    parts.append(sql[start:])
    return [part.strip() for part in parts if _tokens(part)]


def _tokens(sql: str) -> list[Token]:
    try:
        return list(Redshift().tokenize(sql))
    except SqlglotError as error:
        raise SqlError(f"syntax error: {error}") from None


def translate(sql: str, parameters: dict[str, str]) -> Translation:
    """Return what DuckDB shall run; raise SqlError for what cannot be."""
    words = " ".join(sql.lower().split())
    for begin, reason in _ABSENT.items():
        if words.startswith(begin):
            raise SqlError(reason)
    if words.startswith(_NOTHING):
        return Translation([])
    layout = Layout()
    tree = _parse(_without_keys(sql, layout) if words.startswith("create") else sql)
    tree = tree.transform(lambda node: _rewritten(node, parameters))
    if isinstance(tree, exp.Create):
        return _create(tree, layout)
    rows = isinstance(tree, exp.Query | exp.Describe | exp.Show) or words.startswith(
        ("with", "select", "show")
    )
    return Translation([tree.sql("duckdb")], returns_rows=rows)


def _parse(sql: str) -> exp.Expr:
    try:
        tree = sqlglot.parse_one(sql, read="redshift")
    except SqlglotError as error:
        raise SqlError(f"syntax error: {str(error).splitlines()[0]}") from None
    if isinstance(tree, exp.Command) and tree.name.upper() not in ("SHOW", "EXPLAIN"):
        raise SqlError(f"{tree.name.upper()} is not available in this local AWS.")
    return tree


def _rewritten(node: exp.Expr, parameters: dict[str, str]) -> exp.Expr:
    if isinstance(node, exp.Placeholder) and isinstance(node.this, str):
        if node.this not in parameters:
            raise SqlError(f"There is no value for the parameter {node.this}.")
        return exp.Literal.string(parameters[node.this])
    if isinstance(node, exp.Table):
        if node.name.lower() in SYSTEM:
            node.set("db", exp.to_identifier(OWN))
        elif node.db.lower() == PUBLIC:
            node.set("db", exp.to_identifier(MAIN))
        elif OWN in (node.db.lower(), node.name.lower()):
            raise SqlError(f'schema "{OWN}" does not exist')
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.SUPER:
        return exp.DataType.build("json")
    return node


def _without_keys(sql: str, layout: Layout) -> str:
    """Cut DISTKEY and SORTKEY of single columns, and words before a table's SORTKEY."""
    tokens, cut = _tokens(sql), []
    depth, column = 0, ""
    for place, token in enumerate(tokens):
        word = token.text.lower()
        after = tokens[place + 1].text if place + 1 < len(tokens) else ""
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 1 and token.text in "(,":
            column = after.strip('"')
        if word in ("distkey", "sortkey") and after != "(" and depth == 1:
            cut.append(token)
            if word == "distkey":
                layout.dist_key = column
            else:
                layout.sort_keys.append(column)
        if word in ("compound", "interleaved") and after.lower() == "sortkey":
            cut.append(token)
    for token in reversed(cut):
        sql = sql[: token.start] + sql[token.end + 1 :]
    return sql


def _create(tree: exp.Create, layout: Layout) -> Translation:
    if tree.kind != "TABLE" or tree.find(exp.TemporaryProperty):
        return Translation([tree.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE)])
    _keep_layout(tree, layout)
    before = list(_identities(tree))
    for column in tree.find_all(exp.ColumnConstraint):
        if type(column.kind).__name__ == "EncodeColumnConstraint":
            column.pop()
    name = tree.find(exp.Table)
    table = (name.db or MAIN, name.name) if name is not None else None
    statement = tree.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE)
    return Translation([*before, statement], table=table, layout=layout)


def _keep_layout(tree: exp.Create, layout: Layout) -> None:
    properties = tree.args.get("properties")
    styles = []
    for each in properties.expressions if properties is not None else []:
        if isinstance(each, exp.DistKeyProperty):
            layout.dist_key = each.this.name
        elif isinstance(each, exp.SortKeyProperty):
            layout.sort_keys = [key.name for key in each.this]
        elif isinstance(each, exp.DistStyleProperty):
            styles.append(each.this.name.upper())
    if layout.dist_key:
        layout.style = f"KEY({layout.dist_key})"
    elif styles:
        layout.style = styles[0]


def _identities(tree: exp.Create) -> list[str]:
    """Give each IDENTITY column a sequence; return what makes them."""
    made = []
    table = tree.find(exp.Table)
    for column in tree.find_all(exp.ColumnDef):
        for constraint in list(column.constraints):
            kind = constraint.kind
            if isinstance(kind, exp.GeneratedAsIdentityColumnConstraint) and table is not None:
                name = f"{OWN}.{table.name}_{column.name}_identity"
                start = kind.args.get("start") or 1
                step = kind.args.get("increment") or 1
                made.append(f"CREATE SEQUENCE IF NOT EXISTS {name} START {start} INCREMENT {step}")
                constraint.set(
                    "kind", exp.DefaultColumnConstraint(this=sqlglot.parse_one(f"nextval('{name}')"))
                )
    return made
