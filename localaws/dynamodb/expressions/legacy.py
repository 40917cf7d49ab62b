"""The parameters that expressions have replaced (Legacy conditional parameters)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from localaws.dynamodb import values
from localaws.dynamodb.errors import bad_value, invalid, unreadable
from localaws.dynamodb.expressions import compare
from localaws.dynamodb.expressions.bind import Predicate, Steps
from localaws.dynamodb.expressions.keyconditions import KeyTest
from localaws.dynamodb.expressions.projections import Projection
from localaws.dynamodb.expressions.updating import Source, Update
from localaws.dynamodb.values import Item, Value

COUNTS: dict[str, tuple[int, int]] = {
    "EQ": (1, 1),
    "NE": (1, 1),
    "LE": (1, 1),
    "LT": (1, 1),
    "GE": (1, 1),
    "GT": (1, 1),
    "CONTAINS": (1, 1),
    "NOT_CONTAINS": (1, 1),
    "BEGINS_WITH": (1, 1),
    "IN": (1, 1 << 30),
    "BETWEEN": (2, 2),
    "NULL": (0, 0),
    "NOT_NULL": (0, 0),
}
SCALARS = frozenset({"LE", "LT", "GE", "GT", "CONTAINS", "NOT_CONTAINS", "IN", "BETWEEN"})
KEY_OPERATORS = {
    "EQ": "=",
    "LT": "<",
    "LE": "<=",
    "GT": ">",
    "GE": ">=",
    "BETWEEN": "BETWEEN",
    "BEGINS_WITH": "begins_with",
}
ORDERS = {"LT": "<", "LE": "<=", "GT": ">", "GE": ">="}
ACTIONS = ("PUT", "ADD", "DELETE")


def filters(conditions: Any, operator: Any) -> Predicate | None:
    """Return the test of a QueryFilter or ScanFilter with its ConditionalOperator."""
    if conditions is None:
        return None
    return _joined([_condition(name, asked) for name, asked in _pairs(conditions)], operator)


def expected(conditions: Any, operator: Any) -> Predicate | None:
    """Return the test of an Expected parameter."""
    if conditions is None:
        return None
    return _joined([_expectation(name, asked) for name, asked in _pairs(conditions)], operator)


def key_tests(conditions: Any) -> list[KeyTest]:
    """Return the tests of a KeyConditions parameter."""
    found = []
    for name, asked in _pairs(conditions):
        operator, operands = _operation(asked)
        if operator not in KEY_OPERATORS:
            raise invalid("Attempted conditional constraint is not an indexable operation")
        found.append(KeyTest(name, KEY_OPERATORS[operator], tuple(operands)))
    if len(found) not in (1, 2):
        raise invalid("Conditions can be of length 1 or 2 only")
    return found


def attributes(names: Any) -> Projection | None:
    """Return the projection of an AttributesToGet parameter."""
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise unreadable("Unexpected field type")
    if not names:
        raise invalid(
            "1 validation error detected: Value '[]' at 'attributesToGet' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )
    for name in names:
        if names.count(name) > 1:
            raise bad_value(f"Duplicate value in attribute name: {name}")
    return Projection([(name,) for name in names])


def updates(given: Any) -> Update:
    """Return the update of an AttributeUpdates parameter."""
    actions: list[tuple[str, Steps, Source | None]] = []
    for name, asked in _pairs(given or {}):
        action, value = asked.get("Action") or "PUT", asked.get("Value")
        if action not in ACTIONS:
            raise invalid(
                f"1 validation error detected: Value '{action}' at 'attributeUpdates.{name}.member.action' "
                "failed to satisfy constraint: Member must satisfy enum value set: [ADD, PUT, DELETE]"
            )
        actions.append(_update(action, (name,), None if value is None else values.sized(value)[0]))
    return Update(actions)


def _update(action: str, steps: Steps, value: Value | None) -> tuple[str, Steps, Source | None]:
    if value is None:
        if action != "DELETE":
            raise bad_value("Only DELETE action is allowed when no attribute value is specified")
        return "REMOVE", steps, None
    kind = compare.kind_of(value)
    if action == "DELETE" and kind not in compare.SETS:
        raise bad_value(f"DELETE action with value is not supported for the type {kind}")
    if action == "ADD" and kind not in compare.SETS and kind not in ("N", "L"):
        raise bad_value(f"ADD action is not supported for the type {kind}")
    return {"PUT": "SET"}.get(action, action), steps, lambda item: value  # noqa: ARG005


def _pairs(conditions: Any) -> Iterable[tuple[str, dict[str, Any]]]:
    if not isinstance(conditions, dict) or not all(isinstance(asked, dict) for asked in conditions.values()):
        raise unreadable("Unexpected field type")
    return conditions.items()


def _joined(tests: list[Predicate], operator: Any) -> Predicate:
    if operator not in (None, "AND", "OR"):
        raise invalid(
            f"1 validation error detected: Value '{operator}' at 'conditionalOperator' failed to satisfy "
            "constraint: Member must satisfy enum value set: [OR, AND]"
        )
    if operator == "OR":
        return lambda item: any(test(item) for test in tests)
    return lambda item: all(test(item) for test in tests)


def _operation(asked: dict[str, Any]) -> tuple[str, list[Value]]:
    operator = asked.get("ComparisonOperator")
    operands = [values.sized(value)[0] for value in asked.get("AttributeValueList") or ()]
    _check_operands(operator, operands)
    return str(operator), operands


def _check_operands(operator: Any, operands: list[Value]) -> None:
    if operator not in COUNTS:
        raise invalid(
            f"1 validation error detected: Value '{operator}' at 'comparisonOperator' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{', '.join(COUNTS)}]"
        )
    fewest, most = COUNTS[operator]
    if not fewest <= len(operands) <= most:
        raise bad_value(f"Invalid number of argument(s) for the {operator} ComparisonOperator")
    kinds = [compare.kind_of(operand) for operand in operands]
    if len(set(kinds)) > 1:
        raise bad_value("AttributeValues inside AttributeValueList must be of same type")
    allowed = "SB" if operator == "BEGINS_WITH" else "SNB" if operator in SCALARS else None
    for kind in kinds:
        if allowed is not None and kind not in allowed:
            raise bad_value(f"ComparisonOperator {operator} is not valid for {kind} AttributeValue type")
    if operator == "BETWEEN" and compare.sortable(operands[0]) > compare.sortable(operands[1]):
        raise invalid(
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
        )


def _condition(name: str, asked: dict[str, Any]) -> Predicate:
    operator, operands = _operation(asked)
    return _test(name, operator, operands)


def _expectation(name: str, asked: dict[str, Any]) -> Predicate:
    single, listed, operator = (
        asked.get("Value"),
        asked.get("AttributeValueList"),
        asked.get("ComparisonOperator"),
    )
    exists = asked.get("Exists")
    if single is not None and listed is not None:
        raise bad_value(f"Value and AttributeValueList cannot be used together for Attribute: {name}")
    if operator is not None:
        if exists is not None:
            raise bad_value(f"Exists and ComparisonOperator cannot be used together for Attribute: {name}")
        if single is None and listed is None and operator not in ("NULL", "NOT_NULL"):
            raise bad_value(
                f"Value or AttributeValueList must be used with ComparisonOperator: {operator} "
                f"for Attribute: {name}"
            )
        given = listed if single is None else [single]
        return _condition(name, {"ComparisonOperator": operator, "AttributeValueList": given})
    if listed is not None:
        raise bad_value(
            f"AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}"
        )
    return _presence(name, exists, single)


def _presence(name: str, exists: Any, single: Any) -> Predicate:
    if exists is None or exists:
        if single is None:
            shown = "null" if exists is None else "true"
            raise bad_value(f"Value must be provided when Exists is {shown} for Attribute: {name}")
        return _test(name, "EQ", [values.sized(single)[0]])
    if single is not None:
        raise bad_value(f"Value cannot be used when Exists is false for Attribute: {name}")
    return _test(name, "NULL", [])


def _test(name: str, operator: str, operands: list[Value]) -> Predicate:
    def holds(item: Item) -> bool:
        value = item.get(name)
        if value is None:
            return operator in ("NULL", "NE", "NOT_CONTAINS")
        return _holds(operator, value, operands)

    return holds


def _holds(operator: str, value: Value, operands: list[Value]) -> bool:
    if operator in ("NULL", "NOT_NULL"):
        return operator == "NOT_NULL"
    if operator in ("EQ", "IN"):
        return any(compare.equal(value, operand) for operand in operands)
    if operator == "NE":
        return not compare.equal(value, operands[0])
    if operator in ("CONTAINS", "NOT_CONTAINS"):
        return compare.contains(value, operands[0]) == (operator == "CONTAINS")
    if operator == "BEGINS_WITH":
        return compare.begins(value, operands[0])
    if operator == "BETWEEN":
        low, high = operands
        return compare.compare(compare.ORDERS[">="], value, low) and compare.compare(
            compare.ORDERS["<="], value, high
        )
    return compare.compare(compare.ORDERS[ORDERS[operator]], value, operands[0])
