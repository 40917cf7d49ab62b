"""What a Query asks of the keys (Key condition expressions)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localaws.dynamodb.errors import bad_value, invalid
from localaws.dynamodb.expressions import compare
from localaws.dynamodb.expressions.bind import Placeholders
from localaws.dynamodb.expressions.grammar import read_condition
from localaws.dynamodb.expressions.nodes import Comparison, Condition, Function, Given, Junction, Path
from localaws.dynamodb.schema import KeyAttribute
from localaws.dynamodb.values import Value

LABEL = "KeyConditionExpression"
MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class KeyTest:
    """A test of one key attribute: `=`, `<`, `<=`, `>`, `>=`, BETWEEN or begins_with."""

    name: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class KeyCondition:
    """The partition key's value, and what is asked of the sort key."""

    hash: Value
    range: KeyTest | None


def key_condition(text: Any, given: Placeholders) -> Condition:
    """Return what a KeyConditionExpression says."""
    node = read_condition(text, LABEL)
    given.use((node,), LABEL)
    return node


def key_tests(node: Condition, given: Placeholders) -> list[KeyTest]:
    """Return the tests of a key condition."""
    tests: list[KeyTest] = []
    for member in _members(node):
        test = _test(member, given)
        if any(test.name == earlier.name for earlier in tests):
            raise invalid("KeyConditionExpressions must only contain one condition per key")
        tests.append(test)
    return tests


def _members(node: Condition) -> list[Condition]:
    if not isinstance(node, Junction):
        return [node]
    if node.operator != "AND":
        raise invalid(f"Invalid operator used in KeyConditionExpression: {node.operator}")
    return [inner for member in node.members for inner in _members(member)]


def _test(node: Condition, given: Placeholders) -> KeyTest:
    assert not isinstance(node, Junction)
    operator = node.name if isinstance(node, Function) else node.operator
    if operator in ("IN", "<>") or (isinstance(node, Function) and operator != "begins_with"):
        raise invalid(f"Invalid operator used in KeyConditionExpression: {operator}")
    if any(isinstance(operand, Function) for operand in node.operands):
        raise invalid("KeyConditionExpressions cannot contain nested operations")
    named = [operand for operand in node.operands if isinstance(operand, Path)]
    found = [given.value(operand) for operand in node.operands if isinstance(operand, Given)]
    if not named:
        raise invalid("Invalid condition in KeyConditionExpression: No key attribute specified")
    if len(named) > 1:
        raise invalid(
            "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"
        )
    steps = given.steps(named[0])
    if len(steps) > 1:
        raise invalid("KeyConditionExpressions cannot have conditions on nested attributes")
    if not isinstance(node.operands[0], Path):
        operator = _mirrored(node, operator)
    _check_operands(operator, found)
    return KeyTest(str(steps[0]), operator, tuple(found))


def _mirrored(node: Function | Comparison, operator: str) -> str:
    if isinstance(node, Function) or operator == "BETWEEN":
        raise invalid(
            f"Invalid condition in KeyConditionExpression: {operator} operator must have the key attribute "
            "as its first operand"
        )
    return MIRRORED[operator]


def _check_operands(operator: str, found: list[Value]) -> None:
    allowed = "SB" if operator == "begins_with" else "SNB"
    for value in found:
        if operator != "=" and compare.kind_of(value) not in allowed:
            raise invalid(
                f"Invalid {LABEL}: Incorrect operand type for operator or function; "
                f"operator or function: {operator}, operand type: {compare.kind_of(value)}"
            )
    if operator != "BETWEEN":
        return
    low, high = found
    if low.keys() != high.keys():
        raise invalid(
            f"Invalid {LABEL}: The BETWEEN operator requires same data type for lower and upper bounds; "
            f"lower bound operand: AttributeValue: {_shown(low)}, upper bound operand: AttributeValue: "
            f"{_shown(high)}"
        )
    if compare.sortable(low) > compare.sortable(high):
        raise invalid(
            f"Invalid {LABEL}: The BETWEEN operator requires upper bound to be greater than or equal to "
            f"lower bound; lower bound operand: AttributeValue: {_shown(low)}, upper bound operand: "
            f"AttributeValue: {_shown(high)}"
        )


def _shown(value: Value) -> str:
    ((kind, content),) = value.items()
    return f"{{{kind}:{content}}}"


def matched(tests: list[KeyTest], key: tuple[KeyAttribute, ...]) -> KeyCondition:
    """Return the tests as a condition on a key's attributes; a Fault when they do not fit it."""
    by_name = {test.name: test for test in tests}
    first = by_name.pop(key[0].name, None)
    if len(key) == 1 and by_name and first is not None:
        raise invalid("Query key condition not supported")
    if first is None:
        raise invalid(f"Query condition missed key schema element: {key[0].name}")
    second = by_name.pop(key[1].name, None) if len(key) > 1 else None
    if by_name:
        raise invalid(f"Query condition missed key schema element: {key[1].name}")
    if first.operator != "=":
        raise invalid("Query key condition not supported")
    for attribute, test in zip(key, (first, second), strict=False):
        for value in test.values if test else ():
            _check_type(attribute, value)
    return KeyCondition(first.values[0], second)


def _check_type(attribute: KeyAttribute, value: Value) -> None:
    if attribute.type not in value:
        raise bad_value("Condition parameter type does not match schema type")
    if value[attribute.type] == "":
        word = "string" if attribute.type == "S" else "binary"
        raise invalid(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
            f"contain an empty {word} value. Key: {attribute.name}"
        )
