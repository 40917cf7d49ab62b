"""Filters and pages of DMS's Describe answers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

from localaws.dms import faults

LEAST, MOST = 20, 100


def filtered(
    asked: dict[str, Any], known: dict[str, Callable[[Any], list[str]]], items: Sequence[Any], noun: str
) -> list[Any]:
    """The items that pass the filters; AWS answers a filter that finds nothing with a fault."""
    found = list(items)
    filters = asked.get("Filters") or []
    for each in filters:
        name, values = each.get("Name"), each.get("Values") or []
        if name not in known:
            raise faults.invalid(f"Filter {name} is not supported. Use one of {', '.join(known)}.")
        found = [item for item in found if set(known[name](item)) & set(values)]
    if filters and not found:
        raise faults.not_found(noun)
    return found


def page(asked: dict[str, Any], key: str, items: Sequence[Any], most: int = MOST) -> dict[str, Any]:
    """One page of the items under a key, with the Marker of the next one."""
    size = int(asked.get("MaxRecords") or most)
    if not LEAST <= size <= max(most, MOST):
        raise faults.invalid(f"Invalid value {size} for MaxRecords. It must be between {LEAST} and {most}.")
    start = _position(asked.get("Marker"))
    answer: dict[str, Any] = {key: list(items[start : start + size])}
    if start + size < len(items):
        answer["Marker"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return answer


def _position(marker: str | None) -> int:
    if not marker:
        return 0
    try:
        return int(base64.urlsafe_b64decode(marker.encode()).decode())
    except (binascii.Error, ValueError):
        raise faults.invalid(f"Invalid marker: {marker}") from None
