"""Names and values put in the place of an expression's placeholders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from localaws.dynamodb import values
from localaws.dynamodb.errors import flawed, invalid, unreadable
from localaws.dynamodb.expressions.nodes import Given, Part, Path, placeholders
from localaws.dynamodb.values import Item, Value
from localaws.faults import Fault

Predicate = Callable[[Item], bool]
Getter = Callable[[Item], Value | None]
Steps = tuple[Part, ...]

_ALIAS = re.compile(r"#[A-Za-z0-9_]+")
_VALUE = re.compile(r":[A-Za-z0-9_]+")


class Placeholders:
    """A request's ExpressionAttributeNames and ExpressionAttributeValues, and which of them were used."""

    def __init__(self, names: Any, given: Any, *, writes: bool = False) -> None:
        # the two kinds of operations word the same mistakes differently
        self._fault = flawed if writes else invalid
        self._names: dict[str, str] = _names(names)
        if given == {}:
            raise self._fault("ExpressionAttributeValues must not be empty")
        self._values: dict[str, Value] = _values(given)
        self._used: set[str] = set()

    def use(self, nodes: Iterable[object], label: str) -> None:
        """Note the placeholders of an expression; a Fault when one is not defined."""
        for node in nodes:
            for name in placeholders(node):
                if name.startswith("#") and name not in self._names:
                    raise invalid(
                        f"Invalid {label}: An expression attribute name used in the document path is not "
                        f"defined; attribute name: {name}"
                    )
                if name.startswith(":") and name not in self._values:
                    raise invalid(
                        f"Invalid {label}: An expression attribute value used in expression is not defined; "
                        f"attribute value: {name}"
                    )
                self._used.add(name)

    def check_all_used(self) -> None:
        """Raise the Fault of names or values that no expression uses."""
        for word, known in (("Names", self._names), ("Values", self._values)):
            idle = [name for name in known if name not in self._used]
            if idle:
                raise self._fault(
                    f"Value provided in ExpressionAttribute{word} unused in expressions: keys: "
                    f"{{{', '.join(idle)}}}"
                )

    def steps(self, path: Path) -> Steps:
        """Return the names and positions of a path."""
        if not self._names:
            return path.parts
        return tuple(self._names.get(part, part) if isinstance(part, str) else part for part in path.parts)

    def value(self, given: Given) -> Value:
        """Return the value of a placeholder."""
        return self._values[given.name]


def _names(names: Any) -> dict[str, str]:
    if names is None:
        return {}
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise unreadable("Unexpected field type")
    if not names:
        raise invalid("ExpressionAttributeNames must not be empty")
    for key, name in names.items():
        if not _ALIAS.fullmatch(key):
            raise invalid(f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{key}"')
        if not name:
            raise invalid(
                f"ExpressionAttributeNames contains invalid value: Syntax error; value: {name} for key {key}"
            )
    return names


def _values(given: Any) -> dict[str, Value]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise unreadable("Unexpected field type")
    canonical = {}
    for key, value in given.items():
        if not _VALUE.fullmatch(key):
            raise invalid(f'ExpressionAttributeValues contains invalid key: Syntax error; key: "{key}"')
        try:
            canonical[key], _ = values.sized(value)
        except Fault as fault:
            if fault.code != "ValidationException" or "may not be empty" in fault.message:
                raise
            message = f"ExpressionAttributeValues contains invalid value: {fault.message} for key {key}"
            raise invalid(message) from None
    return canonical


def getter(steps: Steps) -> Getter:
    """Return what finds the value at a path in an item."""
    if len(steps) == 1:
        name = steps[0]
        return lambda item: item.get(name)  # type: ignore[arg-type]
    first, rest = steps[0], steps[1:]

    def find(item: Item) -> Value | None:
        value = item.get(first)  # type: ignore[arg-type]
        for part in rest:
            if value is None:
                return None
            value = member(value, part)
        return value

    return find


def member(value: Value, part: Part) -> Value | None:
    """Return a member of a map or list; None when there is none."""
    if isinstance(part, int):
        members: list[Value] = value.get("L", [])
        return members[part] if part < len(members) else None
    found: Value | None = value.get("M", {}).get(part)
    return found


def written(steps: Steps) -> str:
    """Return a path as DynamoDB's messages write it."""
    return "[" + ", ".join(f"[{part}]" if isinstance(part, int) else part for part in steps) + "]"


def check_apart(paths: list[Steps], label: str) -> None:
    """Raise the Fault of two paths of which one is within the other, or that differ in kind."""
    if len(paths) < 2:
        return
    for position, second in enumerate(paths):
        for first in paths[:position]:
            _check_pair(first, second, label)


def _check_pair(first: Steps, second: Steps, label: str) -> None:
    for one, other in zip(first, second, strict=False):
        if type(one) is not type(other):
            word = "conflict"
            break
        if one != other:
            return
    else:
        word = "overlap"
    raise flawed(
        f"Invalid {label}: Two document paths {word} with each other; must remove or rewrite one of these "
        f"paths; path one: {written(first)}, path two: {written(second)}"
    )
