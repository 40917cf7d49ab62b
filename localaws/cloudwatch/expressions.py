"""Metric math: parsing and evaluating expressions over time series (CloudWatch: Using math expressions).

There are the operators, and the functions in `functions.FUNCTIONS`; SEARCH and
ANOMALY_DETECTION_BAND are refused.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localaws.cloudwatch.points import Series

Value = float | Series | list[Series]
Node = tuple[Any, ...]


class ExpressionInvalid(Exception):
    """An expression that metric math does not have."""


@dataclass(frozen=True)
class Scope:
    """What an expression may refer to: the results of the other queries, by id, and their period."""

    results: Mapping[str, Value]
    metrics: Sequence[str]
    """Ids of the queries that are metrics, for METRICS()."""
    period: int
    seconds: Sequence[int]
    """Beginnings of all periods that were asked for, for FILL."""


_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|(?P<name>[A-Za-z_]\w*)|(?P<text>"[^"]*"|'[^']*')
    |(?P<sign>&&|\|\||[<>=!]=|[-+*/^(),\[\]<>!]))""",
    re.VERBOSE,
)
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"OR", "||"}),
    frozenset({"AND", "&&"}),
    frozenset({"==", "!=", "<", ">", "<=", ">="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/"}),
)


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


def _power(left: float, right: float) -> float | None:
    try:
        found = left**right
    except (ZeroDivisionError, OverflowError):
        return None
    return found if isinstance(found, float | int) else None


OPERATORS: dict[str, Callable[[float, float], float | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "^": _power,
    "==": lambda left, right: float(left == right),
    "!=": lambda left, right: float(left != right),
    "<": lambda left, right: float(left < right),
    ">": lambda left, right: float(left > right),
    "<=": lambda left, right: float(left <= right),
    ">=": lambda left, right: float(left >= right),
    "AND": lambda left, right: float(bool(left) and bool(right)),
    "OR": lambda left, right: float(bool(left) or bool(right)),
}
_SYNONYMS = {"&&": "AND", "||": "OR"}


def parse(text: str) -> Node:
    """Return the expression as a tree; ExpressionInvalid says what is wrong with it."""
    return _Parser(_tokens(text)).whole()


def names(node: Node) -> set[str]:
    """Ids that the expression refers to."""
    found = {node[1]} if node[0] == "name" else set()
    for part in node[1:]:
        for each in part if isinstance(part, list) else [part]:
            if isinstance(each, tuple):
                found |= names(each)
    return found


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    text = text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise ExpressionInvalid(f"Error in expression: unexpected '{text[place]}' at position {place}")
        found.append((match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._place = 0

    def whole(self) -> Node:
        node = self._level(0)
        if self._place < len(self._tokens):
            raise ExpressionInvalid(f"Error in expression: unexpected '{self._tokens[self._place][1]}'")
        return node

    def _peek(self) -> str:
        return self._tokens[self._place][1] if self._place < len(self._tokens) else ""

    def _take(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise ExpressionInvalid("Error in expression: it ends too early")
        self._place += 1
        return self._tokens[self._place - 1]

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._signed()
        left = self._level(level + 1)
        while self._peek() in _LEVELS[level]:
            sign = self._take()[1]
            left = ("binary", _SYNONYMS.get(sign, sign), left, self._level(level + 1))
        return left

    def _signed(self) -> Node:
        if self._peek() in ("-", "!", "NOT"):
            sign = self._take()[1]
            return ("unary", "-" if sign == "-" else "NOT", self._signed())
        base = self._primary()
        if self._peek() == "^":
            self._take()
            return ("binary", "^", base, self._signed())
        return base

    def _primary(self) -> Node:
        kind, word = self._take()
        if kind == "number":
            return ("number", float(word))
        if kind == "text":
            return ("text", word[1:-1])
        if kind == "name":
            return ("call", word.upper(), self._list(")")) if self._opens() else ("name", word)
        if word == "(":
            inside = self._level(0)
            self._expect(")")
            return inside
        if word == "[":
            return ("array", self._list("]"))
        raise ExpressionInvalid(f"Error in expression: unexpected '{word}'")

    def _opens(self) -> bool:
        if self._peek() != "(":
            return False
        self._take()
        return True

    def _list(self, close: str) -> list[Node]:
        found: list[Node] = []
        while self._peek() != close:
            found.append(self._level(0))
            if self._peek() == ",":
                self._take()
            elif self._peek() != close:
                raise ExpressionInvalid(f"Error in expression: '{close}' is missing")
        self._take()
        return found

    def _expect(self, sign: str) -> None:
        if self._peek() != sign:
            raise ExpressionInvalid(f"Error in expression: '{sign}' is missing")
        self._take()


def evaluate(node: Node, scope: Scope) -> Value:
    """Work out a parsed expression."""
    from localaws.cloudwatch.functions import call

    kind = node[0]
    if kind == "number":
        return float(node[1])
    if kind == "name":
        return _resolve(node[1], scope)
    if kind == "array":
        return _array([evaluate(each, scope) for each in node[1]])
    if kind == "unary":
        value = evaluate(node[2], scope)
        return mapped(value, (lambda each: -each) if node[1] == "-" else (lambda each: float(not each)))
    if kind == "binary":
        return combined(OPERATORS[node[1]], evaluate(node[2], scope), evaluate(node[3], scope))
    if kind == "call":
        return call(node[1], node[2], scope)
    raise ExpressionInvalid("Error in expression: a text stands where a value is needed")


def _resolve(name: str, scope: Scope) -> Value:
    if name not in scope.results:
        raise ExpressionInvalid(f"Error in expression: '{name}' is not the Id of a query")
    return scope.results[name]


def _array(values: list[Value]) -> list[Series]:
    found: list[Series] = []
    for value in values:
        if isinstance(value, float):
            raise ExpressionInvalid("Error in expression: an array holds time series only")
        found += value if isinstance(value, list) else [value]
    return found


def mapped(value: Value, function: Callable[[float], float | None]) -> Value:
    """Apply a function to every number of a value; where it has no answer the point is left out."""
    if isinstance(value, list):
        return [_mapped(each, function) for each in value]
    if isinstance(value, dict):
        return _mapped(value, function)
    return function(value) or 0.0


def _mapped(series: Series, function: Callable[[float], float | None]) -> Series:
    found = {second: function(value) for second, value in series.items()}
    return {second: value for second, value in found.items() if value is not None}


def combined(function: Callable[[float, float], float | None], left: Value, right: Value) -> Value:
    """Apply an operator point by point; points that only one side has are left out."""
    if isinstance(left, list) or isinstance(right, list):
        lefts = left if isinstance(left, list) else [left] * len(right)  # type: ignore[arg-type]
        rights = right if isinstance(right, list) else [right] * len(lefts)
        pairs = zip(lefts, rights, strict=False)
        return [each for pair in pairs if isinstance(each := combined(function, *pair), dict)]
    if isinstance(left, dict) and isinstance(right, dict):
        both = {second: function(left[second], right[second]) for second in left if second in right}
        return {second: value for second, value in both.items() if value is not None}
    if isinstance(left, dict):
        scalar: float = right  # type: ignore[assignment]
        return mapped(left, lambda each: function(each, scalar))
    if isinstance(right, dict):
        scalar = left
        return mapped(right, lambda each: function(scalar, each))
    return function(left, right) or 0.0
