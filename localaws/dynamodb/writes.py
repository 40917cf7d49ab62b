"""PutItem, UpdateItem and DeleteItem, and the writes of batches and transactions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localaws.dynamodb import capacity, keys, requests, values
from localaws.dynamodb.capacity import Units
from localaws.dynamodb.errors import ItemFault, bad_value, condition_failed, invalid
from localaws.dynamodb.expressions import Predicate, Projection, Update, legacy, update
from localaws.dynamodb.keys import Place
from localaws.dynamodb.records import Edit, IndexChange, Record, index_changes
from localaws.dynamodb.requests import Document, Parameters, Tables, Usage
from localaws.dynamodb.schema import TableSchema
from localaws.dynamodb.store import TableStore
from localaws.dynamodb.values import LARGEST_ITEM, Item

Change = Callable[[Record | None], Record | None]

GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Write:
    """A write of one item: the condition under which it happens, and what it makes of the item."""

    schema: TableSchema
    place: Place
    key: Item
    condition: Predicate | None
    change: Change
    shows_item: bool = False
    paths: Update | None = None

    def edit(self, old: Record | None) -> Edit:
        """Return what becomes of the item; the Fault of a condition that does not hold."""
        if self.condition is not None and not self.condition({} if old is None else old.item):
            raise condition_failed(old.item if self.shows_item and old is not None else None)
        return Edit(self.place, old, self.change(old))

    @property
    def changes(self) -> Callable[[Edit], list[IndexChange]]:
        """What an edit means for the table's indexes."""
        if not self.schema.indexes:
            return lambda edit: []  # noqa: ARG005 - there is none
        return lambda edit: index_changes(self.schema, edit)


def put_item(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer PutItem."""
    write = read_put(tables, given, usage)
    if given.get("ReturnValues") not in (None, "NONE", "ALL_OLD"):
        raise invalid("ReturnValues can only be ALL_OLD or NONE")
    return _answer(tables, given, write, usage)


def delete_item(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer DeleteItem."""
    write = read_delete(tables, given, usage)
    if given.get("ReturnValues") not in (None, "NONE", "ALL_OLD"):
        raise invalid("ReturnValues can only be ALL_OLD or NONE")
    return _answer(tables, given, write, usage)


def update_item(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer UpdateItem."""
    return _answer(tables, given, read_update(tables, given, usage), usage)


def read_put(tables: Tables, given: Parameters, usage: Usage, *, within: bool = False) -> Write:
    """Return the write that a PutItem, or a transaction's Put, asks for."""
    name = requests.table_name(given)
    requests.check_enums(given)
    requests.check_mixture(given, ("ConditionExpression",), ("Expected", "ConditionalOperator"))
    record = record_of(requests.member(given, "Item"))
    condition = _condition(given, within=within)
    schema = _schema(tables, name, usage)
    place = keys.of_item(schema, record.item)
    shows = given.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return Write(schema, place, record.item, condition, lambda old: record, shows)  # noqa: ARG005


def record_of(item: Any) -> Record:
    """Return the record of a new item."""
    canonical, size = values.item(item)
    if size > LARGEST_ITEM:
        raise invalid("Item size has exceeded the maximum allowed size")
    return Record(size, item=canonical)


def read_delete(tables: Tables, given: Parameters, usage: Usage, *, within: bool = False) -> Write:
    """Return the write that a DeleteItem, or a transaction's Delete, asks for."""
    name = requests.table_name(given)
    requests.check_enums(given)
    requests.check_mixture(given, ("ConditionExpression",), ("Expected", "ConditionalOperator"))
    key, _ = values.item(requests.member(given, "Key"))
    condition = _condition(given, within=within)
    schema = _schema(tables, name, usage)
    place = keys.of_checked_key(schema, key)
    shows = given.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return Write(schema, place, key, condition, lambda old: None, shows)  # noqa: ARG005


def read_check(tables: Tables, given: Parameters, usage: Usage, *, within: bool = False) -> Write:
    """Return the write of a transaction's ConditionCheck, which leaves the item as it is."""
    name = requests.table_name(given)
    requests.check_enums(given)
    requests.member(given, "ConditionExpression")
    key, _ = values.item(requests.member(given, "Key"))
    condition = _condition(given, within=within)
    schema = _schema(tables, name, usage)
    place = keys.of_checked_key(schema, key)
    shows = given.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return Write(schema, place, key, condition, lambda old: old, shows)


def _condition(given: Parameters, *, within: bool) -> Predicate | None:
    known = requests.placeholders(given, writes=not within)
    condition = requests.condition_of(given, known)
    known.check_all_used()
    return condition


def read_update(tables: Tables, given: Parameters, usage: Usage, *, within: bool = False) -> Write:
    """Return the write that an UpdateItem, or a transaction's Update, asks for."""
    name = requests.table_name(given)
    requests.check_enums(given)
    requests.check_mixture(
        given,
        ("UpdateExpression", "ConditionExpression"),
        ("AttributeUpdates", "Expected", "ConditionalOperator"),
    )
    key, _ = values.item(requests.member(given, "Key"))
    known = requests.placeholders(given, writes=not within)
    text = given.get("UpdateExpression")
    change = legacy.updates(given.get("AttributeUpdates")) if text is None else update(text, known)
    condition = requests.condition_of(given, known)
    known.check_all_used()
    schema = _schema(tables, name, usage)
    place = keys.of_checked_key(schema, key)
    _check_keys_stay(schema, change)
    shows = given.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return Write(schema, place, key, condition, updated(schema, key, change), shows, change)


def _check_keys_stay(schema: TableSchema, change: Update) -> None:
    names = {attribute.name for attribute in schema.attributes}
    for steps in change.paths:
        if steps[0] in names:
            raise bad_value(f"Cannot update attribute {steps[0]}. This attribute is part of the key")


def updated(schema: TableSchema, key: Item, change: Update) -> Change:
    """Return what an update makes of an item, or of the key alone when there is none."""

    def changed(old: Record | None) -> Record:
        item, size = values.item(change(key if old is None else old.item))
        if size > LARGEST_ITEM:
            raise invalid("Item size to update has exceeded the maximum allowed size")
        if schema.indexes:
            keys.check_indexes(schema, item, update=True)
        return Record(size, item=item)

    return changed


def _schema(tables: Tables, name: str, usage: Usage) -> TableSchema:
    schema = tables.schema(name)
    usage.tables[schema.id] = schema
    return schema


def _answer(tables: Tables, given: Parameters, write: Write, usage: Usage) -> Document:
    edit, units = perform(tables, write, usage)
    schema = write.schema
    return Document(
        Attributes=attributes_of(given.get("ReturnValues"), write, edit),
        ConsumedCapacity=capacity.consumed(schema, given.get("ReturnConsumedCapacity"), units),
        ItemCollectionMetrics=collection_metrics(tables, given, write),
    )


def perform(tables: Tables, write: Write, usage: Usage) -> tuple[Edit, Units]:
    """Carry out a write, and return what it changed and used."""
    schema = write.schema
    store = tables.store(schema)
    tables.check_free(schema, write.place)
    with store.writing():
        old = store.current(write.place)
        try:
            edit = write.edit(old)
        except ItemFault:
            # a refused write is paid for as if it had happened
            requests.note(usage.writes, schema, {None: capacity.write_units(old, None)})
            raise
        changes = write.changes(edit)
        units = capacity.units_of_edit(edit, changes)
        tables.admit(schema, writes=units, partition=write.place[0])
        store.carry_out(schema, [edit], [changes])
    requests.note(usage.writes, schema, units)
    return edit, units


def attributes_of(wanted: str | None, write: Write, edit: Edit) -> Any:
    """Return the attributes that an answer's ReturnValues ask for."""
    if wanted in (None, "NONE"):
        return None
    record = edit.new if wanted in ("ALL_NEW", "UPDATED_NEW") else edit.old
    if record is None:
        return None
    if wanted in ("ALL_NEW", "ALL_OLD"):
        return record.body
    assert write.paths is not None
    return Projection(write.paths.paths)(record.item) or None


def collection_metrics(tables: Tables, given: Parameters, write: Write) -> Any:
    """Return the size of the item's collection, when it was asked for and the table has local indexes."""
    if given.get("ReturnItemCollectionMetrics") != "SIZE":
        return None
    return collection_of(tables.store(write.schema), write)


def collection_of(store: TableStore, write: Write) -> Any:
    """Return the size of an item's collection, None without local indexes."""
    schema = write.schema
    if all(index.is_global for index in schema.indexes.values()):
        return None
    size = store.collection_size(schema, write.place[0]) / GIGABYTE
    return {
        "ItemCollectionKey": {schema.hash.name: write.key[schema.hash.name]},
        "SizeEstimateRangeGB": [float(int(size)), float(int(size) + 1)],
    }
