"""DynamoDB's errors, with AWS's codes and messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from localaws.faults import Fault


@dataclass
class ItemFault(Fault):
    """A fault whose answer has more than a code and a message."""

    details: dict[str, Any] = field(default_factory=dict)


def invalid(message: str) -> Fault:
    """Return the fault of a request that DynamoDB's rules forbid."""
    return Fault("ValidationException", message)


def flawed(message: str) -> Fault:
    """Return the fault of a request that is wrong whatever the table holds."""
    return invalid(f"1 validation error detected: {message}")


def bad_value(message: str) -> Fault:
    """Return the fault of a parameter's value."""
    return invalid(f"One or more parameter values were invalid: {message}")


def unreadable(message: str) -> Fault:
    """Return the fault of a request whose JSON has the wrong shape."""
    return Fault("SerializationException", message)


def not_found() -> Fault:
    """Return the fault of a table that does not exist, or not yet, or no more."""
    return Fault("ResourceNotFoundException", "Requested resource not found")


def condition_failed(item: Any = None) -> ItemFault:
    """Return the fault of a condition that did not hold; with the item when it was asked for."""
    details = {} if item is None else {"Item": item}
    return ItemFault("ConditionalCheckFailedException", "The conditional request failed", details=details)
