"""A request on items: its parameters, checked, and the tables that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from localaws.dynamodb.capacity import Units, add
from localaws.dynamodb.errors import invalid, unreadable
from localaws.dynamodb.expressions import Placeholders, Predicate, condition, legacy
from localaws.dynamodb.expressions.tokens import empty
from localaws.dynamodb.keys import Place
from localaws.dynamodb.records import encode
from localaws.dynamodb.schema import TableSchema
from localaws.dynamodb.store import TableStore
from localaws.dynamodb.stores import Stores

Parameters = dict[str, Any]

ENUMS: dict[str, tuple[str, ...]] = {
    "ReturnValues": ("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"),
    "ReturnConsumedCapacity": ("INDEXES", "TOTAL", "NONE"),
    "ReturnItemCollectionMetrics": ("SIZE", "NONE"),
    "ReturnValuesOnConditionCheckFailure": ("ALL_OLD", "NONE"),
    "Select": ("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"),
    "ConditionalOperator": ("OR", "AND"),
}
_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
_ARN = re.compile(r"arn:[a-z-]+:dynamodb:[a-z0-9-]+:\d{12}:table/([a-zA-Z0-9_.-]{3,255})")


class Tables(Protocol):
    """The tables of an account in a Region, as an operation sees them."""

    account: str
    region: str

    @property
    def stores(self) -> Stores:
        """The stores of all tables."""

    def claim(self, places: Sequence[tuple[TableSchema, Place]]) -> AbstractContextManager[list[bool]]:
        """Hold items for a transaction; the context's value tells for each whether another one has it."""

    def schema(self, name: str) -> TableSchema:
        """Return a table's schema; a Fault when there is none that may be used."""

    def store(self, schema: TableSchema) -> TableStore:
        """Return a table's store."""

    def admit(
        self,
        schema: TableSchema,
        *,
        reads: Units | None = None,
        writes: Units | None = None,
        partition: bytes = b"",
    ) -> None:
        """Take the units, or raise the throttling Fault."""

    def check_free(self, schema: TableSchema, place: Place) -> None:
        """Raise the Fault of a write to an item that a transaction is working on."""


@dataclass
class Usage:
    """What an operation used of each table, for the metrics."""

    reads: dict[TableSchema, Units] = field(default_factory=dict)
    writes: dict[TableSchema, Units] = field(default_factory=dict)
    tables: dict[str, TableSchema] = field(default_factory=dict)
    returned: int | None = None


class Document:
    """An answer's members; those that are bytes are JSON already."""

    def __init__(self, **members: Any) -> None:
        self.members = members

    def encoded(self) -> bytes:
        """Return the answer as JSON, without the members that are None."""
        parts = [
            b'"%s":%s' % (name.encode(), value if type(value) is bytes else encode(value).encode())
            for name, value in self.members.items()
            if value is not None
        ]
        return b"{%s}" % b",".join(parts)


def constraint(place: str, value: Any, rule: str) -> Exception:
    """Return the fault of a parameter that breaks a constraint of the API's model."""
    shown = "null" if value is None else f"'{value}'"
    return invalid(
        f"1 validation error detected: Value {shown} at '{place}' failed to satisfy constraint: {rule}"
    )


def check_enums(given: Parameters) -> None:
    """Raise the Fault of a word that a parameter does not know."""
    for name, words in ENUMS.items():
        value = given.get(name)
        if value is not None and value not in words:
            place = name[0].lower() + name[1:]
            raise constraint(place, value, f"Member must satisfy enum value set: [{', '.join(words)}]")


def table_name(given: Parameters, place: str = "tableName") -> str:
    """Return the table that a request names, by its name or ARN."""
    name = given.get("TableName")
    if name is None:
        raise constraint(place, None, "Member must not be null")
    return checked_name(name, place)


def checked_name(name: Any, place: str = "tableName") -> str:
    """Return a table's name, out of its ARN if it is one."""
    if type(name) is not str:
        raise unreadable("NUMBER_VALUE cannot be converted to String")
    if _NAME.fullmatch(name):
        return name
    found = _ARN.fullmatch(name)
    if found:
        return found[1]
    if not name:
        raise constraint(place, name, "Member must have length greater than or equal to 1")
    if len(name) < 3 or len(name) > 1024:
        raise invalid("TableName must be at least 3 characters long and at most 255 characters long")
    raise constraint(place, name, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")


def member(given: Parameters, name: str, place: str = "") -> Any:
    """Return a parameter that must be there."""
    value = given.get(name)
    if value is None:
        raise constraint(place or name[0].lower() + name[1:], None, "Member must not be null")
    return value


def check_mixture(given: Parameters, expressions: tuple[str, ...], others: Iterable[str]) -> None:
    """Raise the Fault of a request that mixes expressions with what they replace, or lacks them."""
    used = [name for name in expressions if given.get(name) is not None]
    legacy_used = [name for name in others if given.get(name) is not None]
    if used and legacy_used:
        raise invalid(
            "Can not use both expression and non-expression parameters in the same request: Non-expression "
            f"parameters: {{{', '.join(legacy_used)}}} Expression parameters: {{{', '.join(used)}}}"
        )
    for name in used:
        if type(given[name]) is not str:
            raise unreadable("NUMBER_VALUE cannot be converted to String")
        if not given[name].strip():
            raise empty(name)
    if used:
        return
    if given.get("ExpressionAttributeNames") is not None:
        raise invalid("ExpressionAttributeNames can only be specified when using expressions")
    if given.get("ExpressionAttributeValues") is not None:
        testing = [name for name in expressions if name != "ProjectionExpression"]
        verb = "are" if len(testing) > 1 else "is"
        raise invalid(
            "ExpressionAttributeValues can only be specified when using expressions: "
            f"{' and '.join(testing)} {verb} null"
        )


def placeholders(given: Parameters, *, writes: bool = False) -> Placeholders:
    """Return a request's names and values."""
    names, known = given.get("ExpressionAttributeNames"), given.get("ExpressionAttributeValues")
    return Placeholders(names, known, writes=writes)


def condition_of(given: Parameters, known: Placeholders) -> Predicate | None:
    """Return the condition of a write."""
    text = given.get("ConditionExpression")
    if text is not None:
        return condition(text, "ConditionExpression", known)[0]
    return legacy.expected(given.get("Expected"), given.get("ConditionalOperator"))


def boolean(given: Parameters, name: str, default: bool = False) -> bool:
    """Return a parameter that is true or false."""
    value = given.get(name)
    if value is None:
        return default
    if type(value) is not bool:
        raise unreadable(f"Unexpected value for {name}: it must be true or false")
    return value


def integer(given: Parameters, name: str, least: int, most: int | None = None) -> int | None:
    """Return a whole number within bounds, None when it is not given."""
    value = given.get(name)
    if value is None:
        return None
    if type(value) is not int:
        raise unreadable("STRING_VALUE cannot be converted to Integer")
    place = name[0].lower() + name[1:]
    if value < least:
        raise constraint(place, value, f"Member must have value greater than or equal to {least}")
    if most is not None and value > most:
        raise constraint(place, value, f"Member must have value less than or equal to {most}")
    return value


def note(total: dict[TableSchema, Units], schema: TableSchema, units: Units) -> None:
    """Add units to those that were used of a table."""
    add(total.setdefault(schema, {}), units)
