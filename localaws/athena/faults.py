"""What a query fails with, in the words of "Error types" and of Trino's error codes."""

from __future__ import annotations

import re

from moto.core.exceptions import JsonRESTError


class InvalidRequest(JsonRESTError):
    """A call that Athena refuses."""

    code = 400

    def __init__(self, message: str, code: str = "INVALID_INPUT") -> None:
        super().__init__("InvalidRequestException", message)
        self.athena_code = code


class QueryFailed(Exception):
    """A query that ends in the state FAILED with this reason."""


class QueryCancelled(Exception):
    """A query that Athena itself ends in the state CANCELLED with this reason."""

    def __init__(self, reason: str, scanned: int = 0) -> None:
        super().__init__(reason)
        self.scanned = scanned


UNSEEN = "or requester is not authorized to access requested resources"


def place(sql: str, word: str) -> str:
    """Return `line L:C` of the word's first appearance in the query."""
    found = re.search(rf"(?<![\w$]){re.escape(word)}(?![\w$])", sql, re.IGNORECASE)
    start = found.start() if found else 0
    line = sql.count("\n", 0, start) + 1
    return f"line {line}:{start - sql.rfind(chr(10), 0, start)}"


def translated(error: Exception, sql: str) -> QueryFailed:
    """Return what Athena would have said about the error of DuckDB's."""
    text = str(error).split("\n")[0]
    for pattern, template in _MESSAGES:
        found = re.search(pattern, text, re.IGNORECASE)
        if found:
            word = found.group(1) if found.groups() else ""
            return QueryFailed(template.format(place=place(sql, word), word=word.lower(), text=_plain(text)))
    return QueryFailed(f"GENERIC_USER_ERROR: {_plain(text)}")


def _plain(text: str) -> str:
    return re.sub(r"^\w+ (\w+ )?Error: ", "", text)


_MESSAGES = (
    (
        r'Referenced column "([^"]+)" (?:was )?not found',
        "COLUMN_NOT_FOUND: {place}: Column '{word}' cannot be resolved " + UNSEEN,
    ),
    (
        r'(?:Table|Values list) "[^"]+" does not have a column named "([^"]+)"',
        "COLUMN_NOT_FOUND: {place}: Column '{word}' cannot be resolved " + UNSEEN,
    ),
    (
        r'Ambiguous reference to column name "([^"]+)"',
        "AMBIGUOUS_NAME: {place}: Column '{word}' is ambiguous",
    ),
    (
        r'column "?([^" ]+)"? must appear in the GROUP BY',
        "EXPRESSION_NOT_AGGREGATE: {place}: '{word}' must be an aggregate expression or appear in GROUP BY "
        "clause",
    ),
    (
        r"(?:Scalar|Aggregate|Table) Function with name (\S+) does not exist",
        "FUNCTION_NOT_FOUND: {place}: Function '{word}' not registered",
    ),
    (r"No function matches the given name and argument types '(\w+)", "TYPE_MISMATCH: {place}: {text}"),
    (r"Cannot (?:compare|mix) values of type", "TYPE_MISMATCH: {place}: {text}"),
    (r"Could not convert string '([^']*)' to (?:U?INT|BIGINT|DOUBLE|DATE)", "INVALID_CAST_ARGUMENT: {text}"),
    (r"^Conversion Error", "INVALID_CAST_ARGUMENT: {text}"),
    (r"^Out of Memory", "EXCEEDED_LOCAL_MEMORY_LIMIT: {text}"),
    (r"Set operations can only apply|division by zero", "SYNTAX_ERROR: {place}: {text}"),
    (r"^(?:Invalid Input Error|IO Error).*(?:JSON|CSV|parquet|file)", "HIVE_BAD_DATA: {text}"),
    (r"^(?:Binder|Parser|Catalog|Syntax)", "SYNTAX_ERROR: {place}: {text}"),
)
