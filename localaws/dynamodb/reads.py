"""GetItem and BatchGetItem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localaws.dynamodb import capacity, keys, requests, values
from localaws.dynamodb.errors import ItemFault, invalid, unreadable
from localaws.dynamodb.expressions import Projection, legacy, projection
from localaws.dynamodb.keys import Place
from localaws.dynamodb.records import Record, encode
from localaws.dynamodb.requests import Document, Parameters, Tables, Usage
from localaws.dynamodb.schema import TableSchema
from localaws.faults import Fault

MOST_KEYS = 100
BATCH_BYTES = 16 << 20


@dataclass(frozen=True)
class Read:
    """A read of one item, and the parts that are wanted."""

    schema: TableSchema
    place: Place
    projection: Projection | None

    def body(self, record: Record) -> bytes:
        """Return the wanted parts of the item as JSON."""
        if self.projection is None:
            return record.body
        return encode(self.projection(record.item)).encode()


def get_item(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer GetItem."""
    read = read_get(tables, given, usage)
    consistent = requests.boolean(given, "ConsistentRead")
    schema = read.schema
    record = tables.store(schema).fetch(read.place)
    units: capacity.Units = {None: capacity.read_units(record.size if record else 0, consistent=consistent)}
    tables.admit(schema, reads=units, partition=read.place[0])
    requests.note(usage.reads, schema, units)
    return Document(
        Item=None if record is None else read.body(record),
        ConsumedCapacity=capacity.consumed(schema, given.get("ReturnConsumedCapacity"), units),
    )


def read_get(tables: Tables, given: Parameters, usage: Usage) -> Read:
    """Return the read that a GetItem, or a transaction's Get, asks for."""
    name = requests.table_name(given)
    requests.check_enums(given)
    key, _ = values.item(requests.member(given, "Key"))
    wanted = projection_of(given)
    schema = tables.schema(name)
    usage.tables[schema.id] = schema
    place = keys.of_checked_key(schema, key)
    check_key_paths(schema, wanted)
    return Read(schema, place, wanted)


def projection_of(given: Parameters) -> Projection | None:
    """Return the parts of items that a request wants, None when it wants them whole."""
    requests.check_mixture(given, ("ProjectionExpression",), ("AttributesToGet",))
    text = given.get("ProjectionExpression")
    if text is None:
        return legacy.attributes(given.get("AttributesToGet"))
    known = requests.placeholders(given)
    found = projection(text, known)
    known.check_all_used()
    return found


def check_key_paths(schema: TableSchema, wanted: Projection | None) -> None:
    """Raise the Fault of a path into a key attribute."""
    for steps in wanted.paths if wanted else ():
        if len(steps) > 1 and any(steps[0] == attribute.name for attribute in schema.attributes):
            raise invalid(
                "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
                f"Key: {steps[0]}"
            )


def batch_get_item(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer BatchGetItem."""
    requests.check_enums(given)
    asked = _batches(tables, given, usage)
    batch = _Batch(tables, usage)
    for name, schema, wanted, parameters in asked:
        batch.read(name, schema, wanted, parameters)
    batch.check_progress()
    used = {name: batch.units.get(name, {}) for name, *_ in asked}
    wanted_capacity = given.get("ReturnConsumedCapacity")
    consumed = [capacity.consumed(schema, wanted_capacity, used[name]) for name, schema, *_ in asked]
    answers = b",".join(
        b"%s:[%s]" % (encode(name).encode(), b",".join(bodies)) for name, bodies in batch.found.items()
    )
    return Document(
        Responses=b"{%s}" % answers,
        UnprocessedKeys=batch.unprocessed,
        ConsumedCapacity=consumed if wanted_capacity in ("TOTAL", "INDEXES") else None,
    )


Asked = tuple[str, TableSchema, list[Read], Parameters]


def _batches(tables: Tables, given: Parameters, usage: Usage) -> list[Asked]:
    wanted = requests.member(given, "RequestItems")
    if not isinstance(wanted, dict):
        raise unreadable("Unexpected field type")
    if not wanted:
        raise requests.constraint("requestItems", "{}", "Member must have length greater than or equal to 1")
    for name, parameters in wanted.items():
        if not isinstance(parameters, dict):
            raise unreadable("Unexpected value type in payload")
        _check_count(name, requests.member(parameters, "Keys", f"requestItems.{name}.member.keys"))
    if sum(len(parameters["Keys"]) for parameters in wanted.values()) > MOST_KEYS:
        raise invalid("Too many items requested for the BatchGetItem call")
    return [_batch_of(tables, name, parameters, usage) for name, parameters in wanted.items()]


def _check_count(name: str, listed: Any) -> None:
    if not isinstance(listed, list):
        raise unreadable("Unexpected field type")
    place = f"requestItems.{name}.member.keys"
    if not listed:
        raise requests.constraint(place, "[]", "Member must have length greater than or equal to 1")
    if len(listed) > MOST_KEYS:
        rule = f"Member must have length less than or equal to {MOST_KEYS}"
        raise requests.constraint(place, encode(listed), rule)


def _batch_of(tables: Tables, name: str, parameters: Parameters, usage: Usage) -> Asked:
    wanted = projection_of(parameters)
    canonical = [values.item(key)[0] for key in parameters["Keys"]]
    schema = tables.schema(requests.checked_name(name))
    usage.tables[schema.id] = schema
    check_key_paths(schema, wanted)
    reads = [Read(schema, keys.of_checked_key(schema, key), wanted) for key in canonical]
    if len({read.place for read in reads}) < len(reads):
        raise invalid("Provided list of item keys contains duplicates")
    return name, schema, reads, parameters


class _Batch:
    """What was read, what it used, and what has to be asked for again."""

    def __init__(self, tables: Tables, usage: Usage) -> None:
        self._tables = tables
        self._usage = usage
        self._size = 0
        self._throttled: Fault | None = None
        self.found: dict[str, list[bytes]] = {}
        self.units: dict[str, capacity.Units] = {}
        self.unprocessed: dict[str, Parameters] = {}

    def read(self, name: str, schema: TableSchema, reads: list[Read], parameters: Parameters) -> None:
        """Read the items of a table."""
        consistent = requests.boolean(parameters, "ConsistentRead")
        store = self._tables.store(schema)
        bodies = self.found.setdefault(name, [])
        for read, key in zip(reads, parameters["Keys"], strict=True):
            record = store.fetch(read.place)
            size = record.size if record else 0
            units: capacity.Units = {None: capacity.read_units(size, consistent=consistent)}
            if self._size + size > BATCH_BYTES or not self._admitted(read, units):
                rest = self.unprocessed.setdefault(name, parameters | {"Keys": []})
                rest["Keys"].append(key)
                continue
            self._size += size
            requests.note(self._usage.reads, schema, units)
            capacity.add(self.units.setdefault(name, {}), units)
            if record is not None:
                bodies.append(read.body(record))

    def _admitted(self, read: Read, units: capacity.Units) -> bool:
        try:
            self._tables.admit(read.schema, reads=units, partition=read.place[0])
        except ItemFault as fault:
            self._throttled = fault
            return False
        return True

    def check_progress(self) -> None:
        """Raise the throttling Fault when nothing at all could be read."""
        if self._throttled is not None and not self.units:
            raise self._throttled
