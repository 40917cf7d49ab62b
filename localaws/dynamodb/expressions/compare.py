"""How values compare: by type first; sets without order; numbers by what they are worth."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any

from localaws.dynamodb.values import Value, decoded

Order = Callable[[Any, Any], bool]

ORDERS: dict[str, Order] = {"<": lt, "<=": le, ">": gt, ">=": ge}
ORDERED = frozenset("SNB")
SETS = frozenset({"SS", "NS", "BS"})


def kind_of(value: Value) -> str:
    """Return the type of a value."""
    return next(iter(value))


def sortable(value: Value) -> Any:
    """Return what the value of a string, number or binary sorts by."""
    ((kind, content),) = value.items()
    if kind == "N":
        return Decimal(content)
    return content.encode("utf-8", "surrogatepass") if kind == "S" else decoded(content)


def equal(left: Value, right: Value) -> bool:
    """Whether two canonical values are the same."""
    if left == right:
        return True
    kind = kind_of(left)
    if kind != kind_of(right):
        return False
    one, other = left[kind], right[kind]
    if kind in SETS:
        return set(one) == set(other)
    if kind == "L":
        return len(one) == len(other) and all(map(equal, one, other))
    if kind == "M":
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    return False


def compare(order: Order, left: Value, right: Value) -> bool:
    """Whether two values of the same ordered type are in this order."""
    kind = kind_of(left)
    return kind == kind_of(right) and kind in ORDERED and order(sortable(left), sortable(right))


def begins(value: Value, prefix: Value) -> bool:
    """Whether a string or binary begins with another."""
    kind = kind_of(value)
    if kind != kind_of(prefix) or kind not in ("S", "B"):
        return False
    if kind == "S":
        return bool(value["S"].startswith(prefix["S"]))
    return decoded(value["B"]).startswith(decoded(prefix["B"]))


def contains(whole: Value, part: Value) -> bool:
    """Whether a string has a part, or a set or list an element."""
    kind, wanted = kind_of(whole), kind_of(part)
    if kind == "L":
        return any(equal(element, part) for element in whole["L"])
    if kind in SETS:
        return kind[0] == wanted and part[wanted] in whole[kind]
    if kind != wanted or kind not in ("S", "B"):
        return False
    if kind == "S":
        return part["S"] in whole["S"]
    return decoded(part["B"]) in decoded(whole["B"])


def measure(value: Value) -> Value | None:
    """Return the size of a value: characters, bytes or elements; None for what has no size."""
    ((kind, content),) = value.items()
    if kind == "B":
        return {"N": str(len(decoded(content)))}
    if kind == "S":
        # DynamoDB counts as Java does
        return {"N": str(len(content.encode("utf-16-le", "surrogatepass")) // 2)}
    return None if kind in ("N", "BOOL", "NULL") else {"N": str(len(content))}
