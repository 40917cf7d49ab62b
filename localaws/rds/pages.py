"""Pages of a Describe answer: Marker and MaxRecords as RDS has them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

from localaws.rds import faults

LEAST, MOST = 20, 100


def page(
    key: str, items: Sequence[Any], request: Any, *, least: int = LEAST, most: int = MOST
) -> dict[str, Any]:
    """One page of `items` under `key`, with the Marker of the next one if there is more."""
    size = request.get("MaxRecords")
    size = most if size is None else int(size)
    if not least <= size <= most:
        raise faults.invalid(f"Invalid value {size} for MaxRecords. Must be between {least} and {most}")
    start = _position(request.get("Marker"))
    answer: dict[str, Any] = {key: list(items[start : start + size])}
    if start + size < len(items):
        answer["Marker"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return answer


def filters(
    request: Any, known: dict[str, Callable[[Any, list[str]], bool]], items: Sequence[Any]
) -> list[Any]:
    """The items that pass every filter of the request; `known` has a test for each filter name."""
    found = list(items)
    for name, values in filter_values(request).items():
        if name not in known:
            raise faults.invalid(f"Unrecognized filter name: {name}")
        if not values:
            raise faults.combination(f"The list of values of the filter {name} must not be empty.")
        found = [item for item in found if known[name](item, values)]
    return found


def filter_values(request: Any) -> dict[str, list[str]]:
    """The filters of a request, as names with their values."""
    return {each["Name"]: list(each.get("Values") or []) for each in request.get("Filters") or []}


def _position(marker: str | None) -> int:
    if not marker:
        return 0
    try:
        return int(base64.urlsafe_b64decode(marker.encode()).decode())
    except (binascii.Error, ValueError):
        raise faults.invalid(f"Invalid marker: {marker}") from None
