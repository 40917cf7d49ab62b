"""BatchWriteItem."""

from __future__ import annotations

from typing import Any

from localaws.dynamodb import capacity, keys, requests, values
from localaws.dynamodb.capacity import Units
from localaws.dynamodb.errors import ItemFault, invalid, unreadable
from localaws.dynamodb.records import Edit, IndexChange, encode
from localaws.dynamodb.requests import Document, Parameters, Tables, Usage
from localaws.dynamodb.schema import TableSchema
from localaws.dynamodb.writes import Write, collection_of, record_of
from localaws.faults import Fault

MOST_WRITES = 25
BATCH_BYTES = 16 << 20


def batch_write_item(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer BatchWriteItem: each write by itself, those of a table in one commit."""
    requests.check_enums(given)
    wanted = _wanted(given)
    batches = [(name, _writes(tables, name, asked, usage)) for name, asked in wanted.items()]
    if sum(_size(write) for _, writes in batches for write in writes) > BATCH_BYTES:
        raise invalid("Items in the batch exceed the maximum size of 16 MB")
    made = [_Batch(tables, name, writes) for name, writes in batches]
    for batch in made:
        batch.perform()
    throttled = [batch.throttled for batch in made if batch.throttled is not None]
    if throttled and not any(batch.done for batch in made):
        raise throttled[0]
    for batch in made:
        requests.note(usage.writes, batch.schema, batch.units)
    return _answer(tables, given, made, wanted)


def _answer(tables: Tables, given: Parameters, made: list[_Batch], wanted: dict[str, Any]) -> Document:
    asked = given.get("ReturnConsumedCapacity")
    metrics: dict[str, Any] = {}
    if given.get("ReturnItemCollectionMetrics") == "SIZE":
        for batch in made:
            store = tables.store(batch.schema)
            found = [collection_of(store, batch.writes[position]) for position in batch.done]
            if any(found):
                metrics[batch.name] = found
    left = {
        batch.name: [wanted[batch.name][position] for position in batch.left] for batch in made if batch.left
    }
    return Document(
        UnprocessedItems=left,
        ItemCollectionMetrics=metrics or None,
        ConsumedCapacity=[capacity.consumed(batch.schema, asked, batch.units) for batch in made]
        if asked in ("TOTAL", "INDEXES")
        else None,
    )


def _wanted(given: Parameters) -> dict[str, list[Any]]:
    wanted = requests.member(given, "RequestItems")
    if not isinstance(wanted, dict) or not all(isinstance(asked, list) for asked in wanted.values()):
        raise unreadable("Unexpected field type")
    if not wanted:
        raise requests.constraint("requestItems", "{}", "Member must have length greater than or equal to 1")
    for asked in wanted.values():
        if not asked or sum(map(len, wanted.values())) > MOST_WRITES:
            raise requests.constraint(
                "requestItems",
                encode(wanted),
                "Map value must satisfy constraint: [Member must have length less than or equal to 25, "
                "Member must have length greater than or equal to 1]",
            )
    return wanted


def _writes(tables: Tables, name: str, asked: list[Any], usage: Usage) -> list[Write]:
    read = [_read(each) for each in asked]
    schema = tables.schema(requests.checked_name(name))
    usage.tables[schema.id] = schema
    writes = [_write(schema, item, puts=puts) for puts, item in read]
    if len({write.place for write in writes}) < len(writes):
        raise invalid("Provided list of item keys contains duplicates")
    return writes


def _read(asked: Any) -> tuple[bool, Any]:
    if not isinstance(asked, dict):
        raise unreadable("Unexpected value type in payload")
    found = [name for name in ("PutRequest", "DeleteRequest") if asked.get(name) is not None]
    if len(found) != 1:
        raise invalid(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
            "supported datatypes"
        )
    (name,) = found
    if name == "PutRequest":
        return True, record_of(requests.member(asked[name], "Item", "requestItems.member.putRequest.item"))
    key = requests.member(asked[name], "Key", "requestItems.member.deleteRequest.key")
    return False, values.item(key)[0]


def _write(schema: TableSchema, item: Any, *, puts: bool) -> Write:
    if not puts:
        return Write(schema, keys.of_checked_key(schema, item), item, None, lambda old: None)  # noqa: ARG005
    try:
        place = keys.of_item(schema, item.item)
    except Fault as fault:
        if "Missing the key" in fault.message or "Type mismatch for key" in fault.message:
            raise invalid("The provided key element does not match the schema") from None
        raise
    return Write(schema, place, item.item, None, lambda old: item)  # noqa: ARG005


def _size(write: Write) -> int:
    record = write.change(None)
    return record.size if record is not None else 0


class _Batch:
    """The writes to one table."""

    def __init__(self, tables: Tables, name: str, writes: list[Write]) -> None:
        self._tables = tables
        self.name = name
        self.writes = writes
        self.schema = writes[0].schema
        self.units: Units = {}
        self.done: list[int] = []
        self.left: list[int] = []
        self.throttled: Fault | None = None

    def perform(self) -> None:
        """Write what the table's throughput admits."""
        store = self._tables.store(self.schema)
        edits: list[Edit] = []
        changes: list[list[IndexChange]] = []
        with store.writing():
            for position, write in enumerate(self.writes):
                edit = write.edit(store.current(write.place))
                made = write.changes(edit)
                if self._admitted(write, capacity.units_of_edit(edit, made)):
                    self.done.append(position)
                    edits.append(edit)
                    changes.append(made)
                else:
                    self.left.append(position)
            store.carry_out(self.schema, edits, changes)

    def _admitted(self, write: Write, units: Units) -> bool:
        try:
            self._tables.check_free(self.schema, write.place)
            self._tables.admit(self.schema, writes=units, partition=write.place[0])
        except ItemFault as fault:
            self.throttled = fault
            return False
        capacity.add(self.units, units)
        return True
