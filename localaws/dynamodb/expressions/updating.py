"""Updates of an item (Update expressions)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from localaws.dynamodb import decimals
from localaws.dynamodb.errors import invalid
from localaws.dynamodb.expressions import compare
from localaws.dynamodb.expressions.bind import Placeholders, Steps, check_apart, getter, member
from localaws.dynamodb.expressions.grammar import read_update
from localaws.dynamodb.expressions.nodes import Action, Function, Given, Operand, Path
from localaws.dynamodb.values import Item, Value

LABEL = "UpdateExpression"
Source = Callable[[Item], Value]
Deed = Callable[[Item], None]

_NAMES = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "NULL": "NULL",
    "BOOL": "BOOLEAN",
    "L": "LIST",
    "M": "MAP",
}


class Update:
    """What shall be changed: paths, and what becomes of each."""

    def __init__(self, actions: list[tuple[str, Steps, Source | None]]) -> None:
        self._actions = actions
        self.paths = [steps for _, steps, _ in actions]

    def __call__(self, item: Item) -> Item:
        """Return the item as it is after the update; the item itself stays as it is.

        Every operand is read from the item as it was.
        """
        changed = copy.deepcopy(item)
        sources = [
            (clause, steps, source(item) if source else None) for clause, steps, source in self._actions
        ]
        for clause, steps, value in sources:
            if clause == "SET":
                assert value is not None
                _put(changed, steps, value)
            elif clause == "ADD":
                assert value is not None
                _put(changed, steps, _added(getter(steps)(item), value))
            elif clause == "DELETE":
                assert value is not None
                _subtract(changed, steps, getter(steps)(item), value)
        # positions in lists are those of the item as it was, so the last goes first
        removed = [steps for clause, steps, _ in sources if clause == "REMOVE"]
        for steps in sorted(removed, key=_position, reverse=True):
            _remove(changed, steps)
        return changed


def update(text: Any, given: Placeholders) -> Update:
    """Return the update that an UpdateExpression describes."""
    actions = read_update(text, LABEL)
    given.use(actions, LABEL)
    return updating(actions, given)


def updating(actions: Iterable[Action], given: Placeholders) -> Update:
    """Return the update of actions."""
    actions = tuple(actions)
    paths = [given.steps(action.path) for action in actions]
    check_apart(paths, LABEL)
    made = [
        (action.clause, steps, _source(action, given)) for action, steps in zip(actions, paths, strict=True)
    ]
    return Update(made)


def _source(action: Action, given: Placeholders) -> Source | None:
    if action.operand is None:
        return None
    if action.clause in ("ADD", "DELETE"):
        assert isinstance(action.operand, Given)
        kind = compare.kind_of(given.value(action.operand))
        if kind not in compare.SETS and not (kind == "N" and action.clause == "ADD"):
            raise _wrong(
                f"Incorrect operand type for operator or function; operator: {action.clause}, "
                f"operand type: {_NAMES[kind]}, typeSet: ALLOWED_FOR_{action.clause}_OPERAND"
            )
    return _operand(action.operand, given)


def _operand(node: Operand, given: Placeholders) -> Source:
    if isinstance(node, Given):
        value = given.value(node)
        return lambda item: value  # noqa: ARG005 - it does not depend on the item
    if isinstance(node, Path):
        find = getter(given.steps(node))

        def found(item: Item) -> Value:
            value = find(item)
            if value is None:
                raise invalid(
                    "The provided expression refers to an attribute that does not exist in the item"
                )
            return value

        return found
    return _function(node, given)


def _function(node: Function, given: Placeholders) -> Source:
    if node.name == "if_not_exists":
        path = node.operands[0]
        assert isinstance(path, Path)
        present, otherwise = getter(given.steps(path)), _operand(node.operands[1], given)

        def chosen(item: Item) -> Value:
            value = present(item)
            return otherwise(item) if value is None else value

        return chosen
    wanted = "L" if node.name == "list_append" else "N"
    for operand in node.operands:
        if isinstance(operand, Given) and wanted not in given.value(operand):
            raise _wrong(
                "Incorrect operand type for operator or function; "
                f"operator or function: {node.name}, operand type: {compare.kind_of(given.value(operand))}"
            )
    left, right = (_operand(operand, given) for operand in node.operands)
    combine = _COMBINE[node.name]

    def combined(item: Item) -> Value:
        one, other = left(item), right(item)
        if wanted not in one or wanted not in other:
            raise invalid("An operand in the update expression has an incorrect data type")
        return {wanted: combine(one[wanted], other[wanted])}

    return combined


def _append(left: list[Value], right: list[Value]) -> list[Value]:
    return [*left, *right]


_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "list_append": _append,
    "+": decimals.add,
    "-": decimals.subtract,
}


def _wrong(reason: str) -> Exception:
    return invalid(f"Invalid {LABEL}: {reason}")


def _added(present: Value | None, value: Value) -> Value:
    ((kind, content),) = value.items()
    if present is None:
        return value
    if kind not in present:
        raise invalid("An operand in the update expression has an incorrect data type")
    if kind == "N":
        return {"N": decimals.add(present["N"], content)}
    if kind == "L":
        return {"L": [*present["L"], *content]}
    known = set(present[kind])
    return {kind: [*present[kind], *(element for element in content if element not in known)]}


def _subtract(item: Item, steps: Steps, present: Value | None, value: Value) -> None:
    if present is None:
        if len(steps) > 1:
            _parent(item, steps)
        return
    ((kind, content),) = value.items()
    if kind not in present:
        raise invalid("An operand in the update expression has an incorrect data type")
    rest = [element for element in present[kind] if element not in set(content)]
    if rest:
        _put(item, steps, {kind: rest})
    else:
        _remove(item, steps)


def _parent(item: Item, steps: Steps) -> Value:
    value: Value | None = {"M": item}
    for part in steps[:-1]:
        value = member(value, part) if value is not None else None
    wanted = "L" if isinstance(steps[-1], int) else "M"
    if value is None or wanted not in value:
        raise invalid("The document path provided in the update expression is invalid for update")
    return value


def _put(item: Item, steps: Steps, value: Value) -> None:
    # the same value may be set at two paths, and changed at one of them later
    parent, last = _parent(item, steps), steps[-1]
    if isinstance(last, int):
        members: list[Value] = parent["L"]
        # beyond its end a list grows by one
        members[last : last + 1] = [value]
    else:
        parent["M"][last] = value


def _remove(item: Item, steps: Steps) -> None:
    parent, last = _parent(item, steps), steps[-1]
    if isinstance(last, int):
        del parent["L"][last : last + 1]
    else:
        parent["M"].pop(last, None)


def _position(steps: Steps) -> int:
    last = steps[-1]
    return last if isinstance(last, int) else -1
