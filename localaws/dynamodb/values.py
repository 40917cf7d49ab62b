"""Attribute values: their rules, their canonical form and their size (Item sizes and formats)."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any

from localaws.dynamodb import decimals
from localaws.dynamodb.errors import bad_value, flawed, invalid, unreadable
from localaws.faults import Fault

Value = dict[str, Any]
Item = dict[str, Value]
Sized = tuple[Value, int]

LEVELS = 32
LARGEST_ITEM = 400 * 1024
CONTAINER_BYTES = 3
ELEMENT_BYTES = 1
LONGEST_NAME = 65535


def item(attributes: Any) -> tuple[Item, int]:
    """Return the attributes in canonical form and their size in bytes; a Fault when one breaks a rule."""
    if type(attributes) is not dict:
        raise _not_a(attributes, "Map")
    canonical: Item = {}
    total = 0
    for name, value in attributes.items():
        if value is None:
            continue
        canonical[name], size = sized(value)
        total += size + _name_size(name)
    return canonical, total


def sized(value: Any, level: int = 0) -> Sized:
    """Return a value in canonical form and its size in bytes."""
    if type(value) is not dict:
        raise unreadable("Unexpected value type in payload")
    if len(value) != 1:
        value = _only_one(value)
    ((kind, content),) = value.items()
    # what most values are, without the detour
    if kind == "S" and type(content) is str:
        return value, len(content) if content.isascii() else len(_utf8(content))
    check = _KINDS.get(kind)
    if check is None:
        raise _EMPTY
    return check(content, level)


def size_of(value: Value) -> int:
    """Return the size in bytes of a canonical value."""
    return sized(value)[1]


def size_of_item(attributes: Item) -> int:
    """Return the size in bytes of an item in canonical form."""
    return sum(_name_size(name) + sized(value)[1] for name, value in attributes.items())


_EMPTY = invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
_MANY = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "


def _only_one(value: Value) -> Value:
    known = {kind: content for kind, content in value.items() if content is not None and kind in _KINDS}
    if not known:
        raise _EMPTY
    if len(known) > 1:
        raise invalid(f"{_MANY}datatypes")
    return known


def _name_size(name: str) -> int:
    size = len(name) if name.isascii() else len(_utf8(name))
    if size > LONGEST_NAME:
        raise bad_value(f"Attribute name is too large, must be less than {LONGEST_NAME + 1} bytes")
    if not size:
        raise bad_value("An AttributeName may not be empty")
    return size


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _string(content: Any, level: int) -> Sized:  # noqa: ARG001 - all kinds have one signature
    return {"S": _text(content)}, len(_utf8(content))


def _number(content: Any, level: int) -> Sized:  # noqa: ARG001
    text = decimals.canonical(_text(content))
    return {"N": text}, decimals.size(text)


def _binary(content: Any, level: int) -> Sized:  # noqa: ARG001
    return {"B": content}, len(decoded(content))


def _boolean(content: Any, level: int) -> Sized:  # noqa: ARG001
    return {"BOOL": _truth(content)}, 1


def _null(content: Any, level: int) -> Sized:  # noqa: ARG001
    if not _truth(content):
        raise bad_value("Null attribute value types must have the value of true")
    return {"NULL": True}, 1


def _list(content: Any, level: int) -> Sized:
    _check_level(level)
    members, total = [], CONTAINER_BYTES
    for member in _array(content):
        canonical, size = sized(member, level + 1)
        members.append(canonical)
        total += size + ELEMENT_BYTES
    return {"L": members}, total


def _map(content: Any, level: int) -> Sized:
    _check_level(level)
    if type(content) is not dict:
        raise _not_a(content, "Map")
    members, total = {}, CONTAINER_BYTES
    for name, member in content.items():
        members[name], size = sized(member, level + 1)
        total += size + _name_size(name) + ELEMENT_BYTES
    return {"M": members}, total


def _check_level(level: int) -> None:
    if level >= LEVELS:
        raise invalid("Nesting Levels have exceeded supported limits")


def _empty(reason: str) -> Fault:
    return flawed(f"One or more parameter values were invalid: {reason}")


def _strings(content: Any, level: int) -> Sized:  # noqa: ARG001
    members = [_text(member) for member in _array(content)]
    if not members:
        raise _empty("An string set  may not be empty")
    if len(set(members)) < len(members):
        raise bad_value(f"Input collection [{', '.join(members)}] contains duplicates.")
    return {"SS": members}, sum(len(_utf8(member)) for member in members)


def _numbers(content: Any, level: int) -> Sized:  # noqa: ARG001
    members = [decimals.canonical(_text(member)) for member in _array(content)]
    if not members:
        raise _empty("An number set  may not be empty")
    if len(set(members)) < len(members):
        raise invalid("Input collection contains duplicates")
    return {"NS": members}, sum(decimals.size(member) for member in members)


def _binaries(content: Any, level: int) -> Sized:  # noqa: ARG001
    members = _array(content)
    total = sum(len(decoded(member)) for member in members)
    if not members:
        raise _empty("Binary sets should not be empty")
    if len(set(members)) < len(members):
        raise bad_value(f"Input collection [{', '.join(members)}]of type BS contains duplicates.")
    return {"BS": members}, total


_KINDS: dict[str, Callable[[Any, int], Sized]] = {
    "S": _string,
    "N": _number,
    "B": _binary,
    "BOOL": _boolean,
    "NULL": _null,
    "L": _list,
    "M": _map,
    "SS": _strings,
    "NS": _numbers,
    "BS": _binaries,
}
KINDS = frozenset(_KINDS)


def _text(content: Any) -> str:
    if type(content) is str:
        return content
    raise _not_scalar(content, "String")


def _truth(content: Any) -> bool:
    if type(content) is bool:
        return content
    if type(content) is str:
        word = content.upper()
        if word in ("TRUE", "1", "YES", "FALSE", "0", "NO"):
            return word in ("TRUE", "1", "YES")
        raise unreadable("Unexpected token received from parser")
    raise _not_scalar(content, "Boolean")


def _not_scalar(content: Any, wanted: str) -> Fault:
    if type(content) is bool:
        return unreadable(f"{str(content).upper()}_VALUE cannot be converted to {wanted}")
    if type(content) is int:
        return unreadable(f"NUMBER_VALUE cannot be converted to {wanted}")
    if type(content) is float:
        return unreadable(f"DECIMAL_VALUE cannot be converted to {wanted}")
    if type(content) is list:
        return unreadable(f"Unrecognized collection type class java.lang.{wanted}")
    return unreadable("Start of structure or map found where not expected")


def _array(content: Any) -> list[Any]:
    if type(content) is list:
        return content
    raise _not_a(content, "List")


def _not_a(content: Any, wanted: str) -> Fault:
    if type(content) is dict:
        return unreadable("Start of structure or map found where not expected")
    if type(content) is list and wanted == "Map":
        kind = "com.amazonaws.dynamodb.v20120810.AttributeValue"
        return unreadable(f"Unrecognized collection type java.util.Map<java.lang.String, {kind}>")
    return unreadable("Unexpected field type")


def decoded(content: Any) -> bytes:
    """Return the bytes of a Base64 text."""
    if type(content) is not str:
        if type(content) in (int, float, bool):
            raise unreadable("only base-64-encoded strings are convertible to bytes")
        raise _not_scalar(content, "nio.ByteBuffer")
    if len(content) % 4:
        raise unreadable(f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(content)}")
    try:
        return binascii.a2b_base64(content, strict_mode=True)
    except (binascii.Error, ValueError):
        raise unreadable("Invalid Base64 character in the value of a binary attribute") from None
