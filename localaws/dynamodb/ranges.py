"""The stretches of a table or index that a Query or Scan reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from localaws.dynamodb import keys, values
from localaws.dynamodb.errors import invalid
from localaws.dynamodb.expressions import KeyCondition, compare
from localaws.dynamodb.expressions.keyconditions import KeyTest
from localaws.dynamodb.keys import HASH_BYTES
from localaws.dynamodb.schema import IndexSchema, TableSchema
from localaws.dynamodb.store import Range
from localaws.dynamodb.values import Item
from localaws.faults import Fault

SPACE = 1 << (8 * HASH_BYTES)
STARTING = "The provided starting key is invalid"


def of_condition(asked: KeyCondition, index: str | None, *, backwards: bool) -> Range:
    """Return the range of a partition that a key condition describes."""
    first = keys.hashed(asked.hash)
    low, high = _bounds(asked.range)
    return Range(
        index,
        low=(first,) if low is None else (first, low),
        high=(_successor(first),) if high is None else (first, high),
        backwards=backwards,
    )


def _bounds(test: KeyTest | None) -> tuple[bytes | None, bytes | None]:
    """Return the lowest sort key, and the lowest one that is too high."""
    if test is None:
        return None, None
    first = keys.ordered(test.values[0])
    if test.operator == "begins_with":
        return first, _after_prefix(first)
    if test.operator == "BETWEEN":
        return first, _successor(keys.ordered(test.values[1]))
    return {
        "=": (first, _successor(first)),
        "<": (None, first),
        "<=": (None, _successor(first)),
        ">": (_successor(first), None),
        ">=": (first, None),
    }[test.operator]


def _successor(content: bytes) -> bytes:
    return content + b"\0"


def _after_prefix(prefix: bytes) -> bytes | None:
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


def of_segment(segment: int, total: int, index: str | None) -> Range:
    """Return the range of a segment of a parallel scan."""
    low = (_boundary(segment, total),) if segment else ()
    return Range(index, low=low, high=(_boundary(segment + 1, total),) if segment + 1 < total else ())


def _boundary(segment: int, total: int) -> bytes:
    return (-(-SPACE * segment // total)).to_bytes(HASH_BYTES, "big")


def after(
    found: Range,
    schema: TableSchema,
    index: IndexSchema | None,
    start: Any,
    asked: KeyCondition | None,
    segment: tuple[int, int] = (0, 1),
) -> Range:
    """Return the rest of a range behind an ExclusiveStartKey."""
    if start is None:
        return found
    key, position = _start(schema, index, start, asked)
    if asked is not None:
        _check_within(index or schema, asked, key)
    elif segment[1] > 1 and not _within(found, position):
        raise invalid(
            f"{STARTING}: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. "
            f"TotalSegments: {segment[1]} Segment: {segment[0]}"
        )
    return replace(found, after=position)


def _start(
    schema: TableSchema, index: IndexSchema | None, start: Any, asked: KeyCondition | None
) -> tuple[Item, tuple[bytes, ...]]:
    try:
        key, _ = values.item(start)
    except Fault as fault:
        raise _invalid_start(fault) from None
    owner = {attribute.name: attribute for attribute in schema.attributes}
    wanted = owner | {attribute.name: attribute for attribute in (index.attributes if index else ())}
    if wanted.keys() != key.keys():
        plain = index is not None or asked is not None
        detail = "" if plain else ": The provided key element does not match the schema"
        raise invalid(STARTING + detail)
    try:
        keys.check(schema, wanted.values(), key)
    except Fault as fault:
        raise invalid(f"{STARTING}: {fault.message}") from None
    position = keys.place(schema.attributes, key)
    if index is None:
        return key, position
    return key, (*keys.place(index.attributes, key), *position)


def _invalid_start(fault: Fault) -> Fault:
    if fault.code != "ValidationException" or not fault.message.startswith("Supplied AttributeValue"):
        return fault
    return invalid(f"{STARTING}: {fault.message}")


def _check_within(key_of: IndexSchema | TableSchema, asked: KeyCondition, key: Item) -> None:
    if key[key_of.hash.name] != asked.hash:
        raise invalid("The provided starting key is outside query boundaries based on provided conditions")
    if asked.range is not None and not _holds(asked.range, key):
        raise invalid("The provided starting key does not match the range key predicate")


def _holds(test: KeyTest, key: Item) -> bool:
    value = key[test.name]
    if test.operator == "begins_with":
        return compare.begins(value, test.values[0])
    low, high = _bounds(test)
    position = keys.ordered(value)
    return (low is None or position >= low) and (high is None or position < high)


def _within(found: Range, position: tuple[bytes, ...]) -> bool:
    return (not found.low or position >= found.low) and (not found.high or position < found.high)
