"""DynamoDB's numbers: 38 digits, their canonical text, and their place in an order of bytes (Data types)."""

from __future__ import annotations

import re
from decimal import Context, Decimal

from localaws.dynamodb.errors import invalid

DIGITS = 38
HIGHEST_EXPONENT = 125
LOWEST_EXPONENT = -130

_CANONICAL = re.compile(r"(?:-?[1-9]\d*|0)|-?(?:0|[1-9]\d*)\.\d*[1-9]")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,9})?")
_EXACT = Context(prec=600)


def canonical(text: str) -> str:
    """Return the number without exponent and superfluous zeros, as DynamoDB answers it."""
    if len(text) <= DIGITS and _CANONICAL.fullmatch(text):
        return text
    if not _NUMBER.fullmatch(text):
        suffix = f": {text}" if text else ""
        raise invalid(f"The parameter cannot be converted to a numeric value{suffix}")
    return _written(Decimal(text, _EXACT))


def _written(number: Decimal) -> str:
    if not number:
        return "0"
    if number.adjusted() > HIGHEST_EXPONENT:
        raise invalid(
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        )
    if number.adjusted() < LOWEST_EXPONENT:
        raise invalid(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )
    number = number.normalize(_EXACT)
    if len(number.as_tuple().digits) > DIGITS:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    return format(number, "f")


def add(left: str, right: str) -> str:
    """Return the sum of two canonical numbers."""
    return _written(_EXACT.add(Decimal(left), Decimal(right)))


def subtract(left: str, right: str) -> str:
    """Return the difference of two canonical numbers."""
    return _written(_EXACT.subtract(Decimal(left), Decimal(right)))


def _parts(text: str) -> tuple[bool, str, int]:
    """Return whether it is negative, its significant digits, and the power of ten of the first of them."""
    negative = text.startswith("-")
    whole, _, fraction = text.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    exponent = len(whole) - 1 if whole != "0" else len(digits) - len(fraction) - 1
    return negative, digits.rstrip("0"), exponent


def size(text: str) -> int:
    """Return how many bytes a canonical number takes: one for two digits, one more, one more below zero."""
    if text == "0":
        return 1
    negative, digits, exponent = _parts(text)
    # digits are paired around the decimal point
    pairs = (len(digits) + (1 if exponent % 2 == 0 else 0) + 1) // 2
    return 1 + pairs + negative


def order(text: str) -> bytes:
    """Return bytes that sort as canonical numbers do."""
    if text == "0":
        return b"\x80"
    negative, digits, exponent = _parts(text)
    if len(digits) % 2:
        digits += "0"
    # pairs from 1 to 100, so that no inverted one is the terminator
    pairs = [int(digits[at : at + 2]) + 1 for at in range(0, len(digits), 2)]
    code = bytes([exponent - LOWEST_EXPONENT, *pairs])
    if negative:
        return b"\x40" + bytes(255 - byte for byte in code) + b"\xff"
    return b"\xc0" + code
