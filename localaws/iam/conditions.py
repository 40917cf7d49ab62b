"""The Condition element of a policy.

AWS: "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import fnmatch
import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Fill = Callable[[str], str]
Compare = Callable[[str, str], bool]


def _like(wanted: str, given: str) -> bool:
    return fnmatch.fnmatchcase(given, wanted.replace("[", "[[]"))


def _inside(wanted: str, given: str) -> bool:
    try:
        return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _numbers(compare: Callable[[float, float], bool]) -> Compare:
    def of_numbers(wanted: str, given: str) -> bool:
        try:
            return compare(float(given), float(wanted))
        except ValueError:
            return False

    return of_numbers


def _moment(text: str) -> float:
    if text.replace(".", "", 1).isdigit():
        return float(text)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _moments(compare: Callable[[float, float], bool]) -> Compare:
    def of_moments(wanted: str, given: str) -> bool:
        try:
            return compare(_moment(given), _moment(wanted))
        except ValueError:
            return False

    return of_moments


_SAME: Compare = lambda wanted, given: wanted == given  # noqa: E731 - one of a table
_POSITIVE: dict[str, Compare] = {
    "StringEquals": _SAME,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "BinaryEquals": _SAME,
    "IpAddress": _inside,
    "NumericEquals": _numbers(lambda given, wanted: given == wanted),
    "NumericLessThan": _numbers(lambda given, wanted: given < wanted),
    "NumericLessThanEquals": _numbers(lambda given, wanted: given <= wanted),
    "NumericGreaterThan": _numbers(lambda given, wanted: given > wanted),
    "NumericGreaterThanEquals": _numbers(lambda given, wanted: given >= wanted),
    "DateEquals": _moments(lambda given, wanted: given == wanted),
    "DateLessThan": _moments(lambda given, wanted: given < wanted),
    "DateLessThanEquals": _moments(lambda given, wanted: given <= wanted),
    "DateGreaterThan": _moments(lambda given, wanted: given > wanted),
    "DateGreaterThanEquals": _moments(lambda given, wanted: given >= wanted),
}
_NEGATIVE = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}


def holds(conditions: dict[str, Any], context: dict[str, Any], fill: Fill) -> bool:
    """Whether every operator holds for every key; values of one key are alternatives."""
    return all(
        _holds(operator, _values(wanted), context.get(key.lower()), fill)
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _values(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


def _holds(operator: str, wanted: list[str], given: Any, fill: Fill) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if name == "Null":
        return (given is None) == (wanted[0].lower() == "true")
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negative = name in _NEGATIVE
    compare = _POSITIVE.get(_NEGATIVE.get(name, name))
    if compare is None:
        return False
    if given is None:
        return optional or negative or quantifier == "ForAllValues"
    words = [fill(each) for each in wanted]
    results = [any(compare(word, each) for word in words) != negative for each in _values(given)]
    return all(results) if quantifier == "ForAllValues" else any(results)
