"""The grammar of DynamoDB's expressions (Using expressions in DynamoDB)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from localaws.dynamodb.errors import flawed
from localaws.dynamodb.expressions.nodes import (
    Action,
    Comparison,
    Condition,
    Function,
    Given,
    Junction,
    Operand,
    Part,
    Path,
    joined,
)
from localaws.dynamodb.expressions.reserved import RESERVED
from localaws.dynamodb.expressions.tokens import Tokens

COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")
TESTS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}
MEASURES = {"size": 1}
MAKERS = {"if_not_exists": 2, "list_append": 2}
CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")
LONGEST_LIST = 100
DEEPEST = 300
REMEMBERED = 1024


@lru_cache(REMEMBERED)
def read_condition(text: str, label: str) -> Condition:
    """Return what a condition, filter or key condition says; a Fault at a mistake."""
    tokens = Tokens(text, label)
    found = _Conditions(tokens).disjunction()
    tokens.end()
    return found


@lru_cache(REMEMBERED)
def read_projection(text: str, label: str) -> tuple[Path, ...]:
    """Return the paths of a projection."""
    tokens = Tokens(text, label)
    paths = [read_path(tokens)]
    while tokens.accept(","):
        paths.append(read_path(tokens))
    tokens.end()
    return tuple(paths)


@lru_cache(REMEMBERED)
def read_update(text: str, label: str) -> tuple[Action, ...]:
    """Return the actions of an update."""
    tokens = Tokens(text, label)
    actions: list[Action] = []
    seen: set[str] = set()
    while tokens.next.kind != "end":
        if not tokens.sees(*CLAUSES):
            tokens.refuse()
        clause = tokens.take().text.upper()
        if clause in seen:
            raise flawed(
                f'Invalid {label}: The "{clause}" section can only be used once in an update expression;'
            )
        seen.add(clause)
        actions.append(_action(clause, tokens))
        while tokens.accept(","):
            actions.append(_action(clause, tokens))
    return tuple(actions)


def _action(clause: str, tokens: Tokens) -> Action:
    path = read_path(tokens)
    if clause == "REMOVE":
        return Action(clause, path, None)
    if clause == "SET":
        tokens.expect("=")
        return Action(clause, path, _sum(tokens))
    if tokens.next.kind != "value":
        tokens.refuse()
    return Action(clause, path, Given(tokens.take().text))


def _sum(tokens: Tokens) -> Operand:
    if tokens.accept("("):
        found = _sum(tokens)
        tokens.expect(")")
    else:
        found = read_operand(tokens, MAKERS)
    if tokens.sees("+", "-"):
        sign = tokens.take().text
        return Function(sign, (found, read_operand(tokens, MAKERS)))
    return found


def read_path(tokens: Tokens) -> Path:
    """Read a document path."""
    parts: list[Part] = [_name(tokens)]
    while True:
        if tokens.accept("."):
            parts.append(_name(tokens))
        elif tokens.accept("["):
            if tokens.next.kind != "number":
                tokens.refuse()
            parts.append(int(tokens.take().text))
            tokens.expect("]")
        else:
            return Path(tuple(parts))


def _name(tokens: Tokens) -> str:
    token = tokens.next
    if token.kind not in ("name", "alias"):
        tokens.refuse()
    if token.text.upper() in RESERVED:
        raise tokens.fault(f"Attribute name is a reserved keyword; reserved keyword: {token.text}")
    return tokens.take().text


def read_operand(tokens: Tokens, functions: dict[str, int]) -> Operand:
    """Read a path, a value or one of the functions."""
    if tokens.accept("("):
        inner = read_operand(tokens, functions)
        tokens.expect(")")
        return inner
    if tokens.next.kind == "value":
        return Given(tokens.take().text)
    if tokens.next.kind == "name" and tokens.second.text == "(":
        return read_function(tokens, functions)
    return read_path(tokens)


def read_function(tokens: Tokens, allowed: dict[str, int]) -> Function:
    """Read a function with its operands."""
    name = tokens.take().text
    if name not in {**TESTS, **MEASURES, **MAKERS}:
        raise tokens.fault(f"Invalid function name; function: {name}")
    if name not in allowed:
        raise tokens.fault(
            f"The function is not allowed to be used this way in an expression; function: {name}"
        )
    nested = MAKERS if name in MAKERS else MEASURES
    operands = _listed(tokens, lambda: read_operand(tokens, nested))
    if len(operands) != allowed[name]:
        raise tokens.fault(
            "Incorrect number of operands for operator or function; "
            f"operator or function: {name}, number of operands: {len(operands)}"
        )
    if name not in ("begins_with", "contains", "size", "list_append", "attribute_type") and not isinstance(
        operands[0], Path
    ):
        raise tokens.fault(f"Operator or function requires a document path; operator or function: {name}")
    return Function(name, operands)


def _listed(tokens: Tokens, read: Callable[[], Operand]) -> tuple[Operand, ...]:
    tokens.expect("(")
    found = [read()]
    while tokens.accept(","):
        found.append(read())
    tokens.expect(")")
    return tuple(found)


class _Conditions:
    """Reads conditions: OR binds least, then AND, then NOT."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._depth = 0

    def disjunction(self) -> Condition:
        """Read conditions joined by OR."""
        return joined("OR", self._conjunction, self._tokens.accept)

    def _conjunction(self) -> Condition:
        return joined("AND", self._negation, self._tokens.accept)

    def _negation(self) -> Condition:
        if self._tokens.accept("NOT"):
            return Junction("NOT", (self._deeper(self._negation),))
        if self._tokens.sees("(") and not self._operand_follows():
            return self._deeper(self._parenthesised)
        return self._test()

    def _deeper(self, read: Callable[[], Condition]) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._tokens.fault("The expression contains too many operators; operator count: 301")
        found = read()
        self._depth -= 1
        return found

    def _parenthesised(self) -> Condition:
        self._tokens.expect("(")
        redundant = self._tokens.sees("(") and self._closes_twice()
        found = self.disjunction()
        self._tokens.expect(")")
        if redundant:
            raise self._tokens.fault("The expression has redundant parentheses;")
        return found

    def _closes_twice(self) -> bool:
        depth, tokens = 0, self._tokens.ahead()
        for position, token in enumerate(tokens):
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0:
                return position + 1 < len(tokens) and tokens[position + 1].text == ")"
        return False

    def _operand_follows(self) -> bool:
        """Whether the parentheses enclose an operand: behind them comes a comparison."""
        depth, tokens = 0, self._tokens.ahead()
        for position, token in enumerate(tokens):
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0:
                after = tokens[min(position + 1, len(tokens) - 1)]
                return after.text in COMPARATORS or after.text.upper() in ("BETWEEN", "IN")
        return False

    def _test(self) -> Condition:
        tokens = self._tokens
        is_function = tokens.next.kind == "name" and tokens.second.text == "("
        first = read_operand(tokens, {**TESTS, **MEASURES}) if is_function else read_operand(tokens, MEASURES)
        if isinstance(first, Function) and first.name in TESTS:
            if tokens.sees(*COMPARATORS, "BETWEEN", "IN"):
                raise tokens.fault(
                    "The function is not allowed to be used this way in an expression; "
                    f"function: {first.name}"
                )
            return first
        return self._comparison(first)

    def _comparison(self, first: Operand) -> Condition:
        tokens = self._tokens
        if tokens.sees(*COMPARATORS):
            operator = tokens.take().text
            return Comparison(operator, (first, read_operand(tokens, MEASURES)))
        if tokens.accept("BETWEEN"):
            low = read_operand(tokens, MEASURES)
            tokens.expect("AND")
            return Comparison("BETWEEN", (first, low, read_operand(tokens, MEASURES)))
        if tokens.accept("IN"):
            members = _listed(tokens, lambda: read_operand(tokens, MEASURES))
            if len(members) > LONGEST_LIST:
                raise tokens.fault(
                    "Invalid IN operator: the number of operands is larger than 100; number of operands: "
                    f"{len(members)}"
                )
            return Comparison("IN", (first, *members))
        if isinstance(first, Function):
            raise tokens.fault(
                f"The function is not allowed to be used this way in an expression; function: {first.name}"
            )
        tokens.refuse()
