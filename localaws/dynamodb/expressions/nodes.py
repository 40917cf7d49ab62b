"""What an expression says, before its names and values are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

Part = str | int


@dataclass(frozen=True)
class Path:
    """A document path; its parts are names, `#aliases` and positions in lists."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Given:
    """A value by its placeholder."""

    name: str


@dataclass(frozen=True)
class Function:
    """A function, `+` or `-` with its operands."""

    name: str
    operands: tuple[Operand, ...]


Operand = Path | Given | Function


@dataclass(frozen=True)
class Comparison:
    """`=`, `<>`, `<`, `<=`, `>`, `>=`, BETWEEN or IN, the first operand being the tested one."""

    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True)
class Junction:
    """AND, OR or NOT."""

    operator: str
    members: tuple[Condition, ...]


Condition = Function | Comparison | Junction


def joined(operator: str, read: Callable[[], Condition], accept: Callable[[str], bool]) -> Condition:
    """Read conditions for as long as the operator stands between them."""
    members = [read()]
    while accept(operator):
        members.append(read())
    return members[0] if len(members) == 1 else Junction(operator, tuple(members))


@dataclass(frozen=True)
class Action:
    """What an update does at a path: SET, REMOVE, ADD or DELETE."""

    clause: str
    path: Path
    operand: Operand | None


def placeholders(node: object) -> Iterator[str]:
    """Yield the aliases and value placeholders of a node, in the order in which they stand."""
    if isinstance(node, Path):
        yield from (part for part in node.parts if isinstance(part, str) and part.startswith("#"))
    elif isinstance(node, Given):
        yield node.name
    elif isinstance(node, Function | Comparison):
        for operand in node.operands:
            yield from placeholders(operand)
    elif isinstance(node, Junction):
        for member in node.members:
            yield from placeholders(member)
    elif isinstance(node, Action):
        yield from placeholders(node.path)
        yield from placeholders(node.operand)
