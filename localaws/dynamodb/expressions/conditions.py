"""Conditions and filters on an item (Comparison operator and function reference)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from localaws.dynamodb.errors import invalid
from localaws.dynamodb.expressions import compare
from localaws.dynamodb.expressions.bind import Getter, Placeholders, Predicate, Steps, getter, written
from localaws.dynamodb.expressions.grammar import read_condition
from localaws.dynamodb.expressions.nodes import (
    Comparison,
    Condition,
    Function,
    Given,
    Junction,
    Operand,
    Path,
)
from localaws.dynamodb.values import KINDS, Item, Value

Test = Callable[..., bool]


def condition(text: Any, label: str, given: Placeholders) -> tuple[Predicate, Condition]:
    """Return the test that a ConditionExpression or FilterExpression describes, and what it says."""
    node = read_condition(text, label)
    given.use((node,), label)
    return compiled(node, given, label), node


def compiled(node: Condition, given: Placeholders, label: str) -> Predicate:
    """Return the test of a condition."""
    return _Compiler(given, label).predicate(node)


def paths(node: object, given: Placeholders) -> Iterator[Steps]:
    """Yield the paths that a condition looks at."""
    if isinstance(node, Path):
        yield given.steps(node)
    elif isinstance(node, Function | Comparison):
        for operand in node.operands:
            yield from paths(operand, given)
    elif isinstance(node, Junction):
        for inner in node.members:
            yield from paths(inner, given)


class _Compiler:
    """Makes functions on items out of nodes, and refuses operands of wrong types on the way."""

    def __init__(self, given: Placeholders, label: str) -> None:
        self._given = given
        self._label = label

    def predicate(self, node: Condition) -> Predicate:
        """Return the test of a condition."""
        if isinstance(node, Junction):
            return self._junction(node)
        if isinstance(node, Comparison):
            return self._comparison(node)
        return self._function(node)

    def _junction(self, node: Junction) -> Predicate:
        members = [self.predicate(inner) for inner in node.members]
        if node.operator == "NOT":
            (only,) = members
            return lambda item: not only(item)
        if node.operator == "AND":
            return lambda item: all(test(item) for test in members)
        return lambda item: any(test(item) for test in members)

    def _comparison(self, node: Comparison) -> Predicate:
        self._check_distinct(node.operator, node.operands)
        operands = [self._operand(operand) for operand in node.operands]
        if node.operator == "IN":
            return _any_of(operands)
        if node.operator == "BETWEEN":
            self._check_bounds(node.operands[1], node.operands[2])
            return _between(*operands)
        left, right = operands
        if node.operator == "=":
            return _both(left, right, compare.equal)
        if node.operator == "<>":
            return lambda item: not _same(left(item), right(item))
        for operand in node.operands:
            self._check_type(operand, node.operator, compare.ORDERED)
        order = compare.ORDERS[node.operator]
        return _both(left, right, lambda one, other: compare.compare(order, one, other))

    def _function(self, node: Function) -> Predicate:
        name = node.name
        self._check_distinct(name, node.operands)
        operands = [self._operand(operand) for operand in node.operands]
        if name == "attribute_exists":
            return lambda item: operands[0](item) is not None
        if name == "attribute_not_exists":
            return lambda item: operands[0](item) is None
        if name == "attribute_type":
            return self._type_test(operands[0], node.operands[1])
        if name == "begins_with":
            for operand in node.operands:
                self._check_type(operand, name, frozenset("SB"))
            return _both(operands[0], operands[1], compare.begins)
        return _both(operands[0], operands[1], compare.contains)

    def _type_test(self, value: Getter, wanted: Operand) -> Predicate:
        if not isinstance(wanted, Given) or "S" not in (named := self._given.value(wanted)):
            kind = compare.kind_of(named) if isinstance(wanted, Given) else "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}"
            raise self._fault_of_type("attribute_type", kind)
        name = named["S"]
        if name not in KINDS:
            raise self._fault(
                f"Invalid attribute type name found; type: {name}, "
                "valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
            )

        def test(item: Item) -> bool:
            found = value(item)
            return found is not None and name in found

        return test

    def _operand(self, node: Operand) -> Getter:
        if isinstance(node, Path):
            return getter(self._given.steps(node))
        if isinstance(node, Given):
            value = self._given.value(node)
            return lambda item: value  # noqa: ARG005 - it does not depend on the item
        inner = node.operands[0]
        if isinstance(inner, Given):
            kind = compare.kind_of(self._given.value(inner))
            if kind in ("N", "BOOL", "NULL"):
                raise self._fault_of_type("size", kind)
        whole = self._operand(inner)

        def measured(item: Item) -> Value | None:
            value = whole(item)
            return None if value is None else compare.measure(value)

        return measured

    def _check_distinct(self, operator: str, operands: tuple[Operand, ...]) -> None:
        first = operands[0]
        if len(operands) == 2 and isinstance(first, Path) and isinstance(operands[1], Path):
            steps = self._given.steps(first)
            if steps == self._given.steps(operands[1]):
                raise self._fault(
                    "The first operand must be distinct from the remaining operands for this operator or "
                    f"function; operator: {operator}, first operand: {written(steps)}"
                )

    def _check_type(self, operand: Operand, operator: str, allowed: frozenset[str]) -> None:
        if isinstance(operand, Given):
            kind = compare.kind_of(self._given.value(operand))
            if kind not in allowed:
                raise self._fault_of_type(operator, kind)
        elif isinstance(operand, Function) and "N" not in allowed:
            raise self._fault_of_type(operator, "N")

    def _check_bounds(self, low: Operand, high: Operand) -> None:
        for bound in (low, high):
            self._check_type(bound, "BETWEEN", compare.ORDERED)
        if not isinstance(low, Given) or not isinstance(high, Given):
            return
        one, other = self._given.value(low), self._given.value(high)
        bounds = f"lower bound operand: AttributeValue: {_shown(one)}, upper bound operand: AttributeValue: "
        if one.keys() != other.keys():
            raise self._fault(
                "The BETWEEN operator requires same data type for lower and upper bounds; "
                f"{bounds}{_shown(other)}"
            )
        if compare.sortable(one) > compare.sortable(other):
            raise self._fault(
                "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
                f"{bounds}{_shown(other)}"
            )

    def _fault_of_type(self, operator: str, kind: str) -> Exception:
        return self._fault(
            "Incorrect operand type for operator or function; "
            f"operator or function: {operator}, operand type: {kind}"
        )

    def _fault(self, reason: str) -> Exception:
        return invalid(f"Invalid {self._label}: {reason}")


def _shown(value: Value) -> str:
    ((kind, content),) = value.items()
    return f"{{{kind}:{content}}}"


def _same(left: Value | None, right: Value | None) -> bool:
    return left is not None and right is not None and compare.equal(left, right)


def _both(left: Getter, right: Getter, test: Test) -> Predicate:
    def holds(item: Item) -> bool:
        one = left(item)
        if one is None:
            return False
        other = right(item)
        return other is not None and test(one, other)

    return holds


def _any_of(operands: list[Getter]) -> Predicate:
    first, members = operands[0], operands[1:]

    def holds(item: Item) -> bool:
        value = first(item)
        return value is not None and any(_same(value, candidate(item)) for candidate in members)

    return holds


def _between(value: Getter, low: Getter, high: Getter) -> Predicate:
    at_least = _both(value, low, lambda one, other: compare.compare(compare.ORDERS[">="], one, other))
    at_most = _both(value, high, lambda one, other: compare.compare(compare.ORDERS["<="], one, other))
    return lambda item: at_least(item) and at_most(item)
