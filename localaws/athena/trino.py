"""Where DuckDB takes Trino's words in another sense, or takes words that Trino refuses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from sqlglot import Token, TokenType, exp

from localaws.athena.faults import QueryFailed

DAYS = frozenset({"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})
_JODA = {
    "yyyy": "%Y", "YYYY": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dd": "%d",
    "d": "%-d", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "ss": "%S", "SSS": "%g",
    "a": "%p", "EEEE": "%A", "EEE": "%a", "E": "%a", "DDD": "%j", "Z": "%z",
}  # fmt: skip
_DIRECTIVE = re.compile(r"%(?:%|[-+ 0,#]*\d*(?:\.\d+)?([a-zA-Z]))")
_ARGUMENTS = {"s": "varchar", "d": "bigint", "x": "bigint", "f": "double", "e": "double", "g": "double"}


def check(tokens: list[Token]) -> None:
    """Refuse what PostgreSQL's users write and Trino does not read."""
    for place, token in enumerate(tokens):
        after = tokens[place + 2] if token.token_type is TokenType.LIMIT and place + 2 < len(tokens) else None
        if token.token_type in (TokenType.ILIKE, TokenType.DCOLON):
            raise _mismatched(token)
        if after is not None and after.token_type is TokenType.OFFSET:
            raise _mismatched(after)


def _mismatched(token: Token) -> QueryFailed:
    column = max(token.col - len(token.text) + 1, 1)
    return QueryFailed(f"SYNTAX_ERROR: line {token.line}:{column}: mismatched input '{token.text}'")


def adapted(tree: exp.Expr, dates: Collection[str], keys: Collection[str]) -> exp.Expr:
    """Return the statement in DuckDB's sense; `dates` are columns of the type date, `keys` of partitions."""
    whole = exp.Paren(this=tree)
    # a part comes before what it is part of
    for node in reversed(list(tree.walk(bfs=False))):
        replacement = _function(node)
        if replacement is None and _is_date_arithmetic(node, dates):
            replacement = exp.cast(node.copy(), "date")
        if replacement is not None:
            node.replace(replacement)
    for where in list(whole.find_all(exp.Where)):
        _let_prune(where, keys)
    found = whole.this
    found.parent = None
    return found


def _function(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, exp.Format):
        return _printf(node)
    if isinstance(node, exp.ParseDatetime) and node.args.get("format") is not None:
        return exp.func("strptime", node.this, _joda(node.args["format"]))
    if isinstance(node, exp.Anonymous) and (node.name.lower(), len(node.expressions)) == (
        "format_datetime",
        2,
    ):
        return exp.func("strftime", node.expressions[0], _joda(node.expressions[1]))
    return None


def _printf(node: exp.Format) -> exp.Expr | None:
    if not (isinstance(node.this, exp.Literal) and node.this.is_string):
        return None
    letters = [found.group(1) for found in _DIRECTIVE.finditer(node.this.name) if found.group(1)]
    if len(letters) != len(node.expressions) or not set(letters) <= set(_ARGUMENTS):
        raise QueryFailed(
            f"GENERIC_USER_ERROR: format: '{node.this.name}' is not available in this local AWS. Its "
            f"directives are {', '.join(f'%{letter}' for letter in _ARGUMENTS)}, one for each argument."
        )
    given = (
        exp.cast(value, _ARGUMENTS[letter]) for letter, value in zip(letters, node.expressions, strict=True)
    )
    return exp.func("printf", node.this, *given)


def _joda(pattern: exp.Expr) -> exp.Expr:
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise QueryFailed("INVALID_FUNCTION_ARGUMENT: The pattern must be a constant in this local AWS.")
    return exp.Literal.string("".join(_converted(pattern.name)))


def _converted(pattern: str) -> Iterator[str]:
    for quoted, word, other in _parts(pattern):
        if word and word not in _JODA:
            raise QueryFailed(
                f"INVALID_FUNCTION_ARGUMENT: '{word}' of the pattern '{pattern}' is not available in this "
                "local AWS. Use date_format."
            )
        yield _JODA[word] if word else (quoted or other).replace("%", "%%")


def _parts(pattern: str) -> list[tuple[str, str, str]]:
    found = re.finditer(
        r"'(?P<quoted>[^']*)'|(?P<word>(?P<letter>[a-zA-Z])(?P=letter)*)|(?P<other>.)", pattern
    )
    return [(each["quoted"] or "", each["word"] or "", each["other"] or "") for each in found]


def _is_date_arithmetic(node: exp.Expr, dates: Collection[str]) -> bool:
    """Whether the result is a date for Trino, and a timestamp for DuckDB."""
    if isinstance(node, exp.Add | exp.Sub):
        sides = (node.this, node.expression)
        return any(
            isinstance(each, exp.Interval) and _unit(each) in DAYS and _is_date(other, dates)
            for each, other in (sides, sides[::-1])
        )
    if isinstance(node, exp.DateAdd | exp.DateTrunc | exp.TimestampTrunc):
        return _unit(node) in DAYS and _is_date(node.this, dates)
    return False


def _unit(node: exp.Expr) -> str:
    return node.text("unit").upper().removesuffix("S")


def _is_date(node: exp.Expr, dates: Collection[str]) -> bool:
    node = node.unnest()
    if isinstance(node, exp.Column):
        return node.name.lower() in dates
    if isinstance(node, exp.Cast):
        return node.to.this is exp.DType.DATE
    return isinstance(node, exp.CurrentDate | exp.Date)


def _let_prune(where: exp.Where, keys: Collection[str]) -> None:
    """Conversions of partition columns that cannot fail, as DuckDB prunes by no others."""
    for node in reversed(list(where.walk(bfs=False))):
        columns = {column.name.lower() for column in node.find_all(exp.Column)}
        if not columns or not columns <= set(keys) or node.find(exp.Query) is not None:
            continue
        if type(node) is exp.Cast:
            node.replace(exp.TryCast(this=node.this, to=node.to))
        elif isinstance(node, exp.Date) and not node.expressions:
            node.replace(exp.TryCast(this=node.this, to=exp.DataType.build("date")))
        elif isinstance(node, exp.StrToTime):
            node.replace(exp.func("try_strptime", node.this, node.args["format"]))
