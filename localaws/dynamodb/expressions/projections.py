"""Parts of items: projections, and the values that an update has changed."""

from __future__ import annotations

from typing import Any

from localaws.dynamodb.expressions.bind import Placeholders, Steps, check_apart, getter
from localaws.dynamodb.expressions.grammar import read_projection
from localaws.dynamodb.expressions.nodes import Part
from localaws.dynamodb.values import Item, Value


class Projection:
    """The paths that shall be answered."""

    def __init__(self, paths: list[Steps]) -> None:
        self.paths = paths
        self._plain = frozenset(path[0] for path in paths) if all(len(path) == 1 for path in paths) else None
        self._getters = [(path, getter(path)) for path in paths]

    def __call__(self, item: Item) -> Item:
        """Return the item's parts at the paths; elements of lists move together."""
        if self._plain is not None:
            return {name: value for name, value in item.items() if name in self._plain}
        tree: dict[Part, Any] = {}
        for path, find in self._getters:
            value = find(item)
            if value is not None:
                _graft(tree, path, value)
        return {str(name): _built(branch) for name, branch in tree.items()}


class _Leaf:
    """A value that was asked for."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value


def _graft(tree: dict[Part, Any], path: Steps, value: Value) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = _Leaf(value)


def _built(branch: Any) -> Value:
    if isinstance(branch, _Leaf):
        return branch.value
    if all(isinstance(part, int) for part in branch):
        return {"L": [_built(branch[position]) for position in sorted(branch)]}
    return {"M": {name: _built(inner) for name, inner in branch.items()}}


def projection(text: Any, given: Placeholders) -> Projection:
    """Return the projection that a ProjectionExpression describes."""
    label = "ProjectionExpression"
    nodes = read_projection(text, label)
    given.use(nodes, label)
    steps = [given.steps(node) for node in nodes]
    check_apart(steps, label)
    return Projection(steps)
