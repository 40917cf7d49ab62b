"""Items as they lie in a store, and the steps that bring a change into it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from localaws.dynamodb import keys, values
from localaws.dynamodb.keys import Place
from localaws.dynamodb.schema import IndexSchema, TableSchema
from localaws.dynamodb.values import Item

encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Record:
    """An item with its size and its text, each made when it is needed."""

    __slots__ = ("_body", "_item", "size")

    def __init__(self, size: int, body: bytes | None = None, item: Item | None = None) -> None:
        self.size = size
        self._body = body
        self._item = item

    @classmethod
    def of(cls, item: Item) -> Record:
        """Return the record of an item in canonical form."""
        return cls(values.size_of_item(item), item=item)

    @property
    def item(self) -> Item:
        """The item; not to be changed."""
        if self._item is None:
            assert self._body is not None
            self._item = json.loads(self._body)
        return self._item

    @property
    def body(self) -> bytes:
        """The item as JSON."""
        if self._body is None:
            self._body = encode(self._item).encode()
        return self._body


@dataclass(frozen=True, slots=True)
class Edit:
    """What is written at a place: `new` replaces `old`; either may be missing."""

    place: Place
    old: Record | None
    new: Record | None
    user: str | None = None


class Step(NamedTuple):
    """One statement: its kind, the index it is for, and its values."""

    kind: str
    target: str
    values: tuple[Any, ...]


def projected(schema: TableSchema, index: IndexSchema, record: Record) -> Record:
    """Return what an index holds of an item."""
    if index.projection == "ALL":
        return record
    held = {attribute.name for attribute in (*schema.attributes, *index.attributes)}
    if index.projection == "INCLUDE":
        held |= index.included
    if held.issuperset(record.item):
        return record
    return Record.of({name: value for name, value in record.item.items() if name in held})


@dataclass(frozen=True, slots=True)
class IndexChange:
    """What an edit means for an index: the bytes that leave it and those that come."""

    index: IndexSchema
    old_place: Place | None
    new_place: Place | None
    old: Record | None
    new: Record | None

    @property
    def touched(self) -> bool:
        """Whether the index is written at all."""
        if self.old is None or self.new is None or self.old_place != self.new_place:
            return self.old is not self.new
        return self.old.item != self.new.item


def index_changes(schema: TableSchema, edit: Edit) -> list[IndexChange]:
    """Return what an edit means for each index that is written."""
    found = []
    for index in schema.indexes.values():
        if index.status == "DELETING":
            continue
        before = keys.index_place(index, edit.old.item) if edit.old else None
        after = keys.index_place(index, edit.new.item) if edit.new else None
        change = IndexChange(
            index,
            before,
            after,
            projected(schema, index, edit.old) if before and edit.old else None,
            projected(schema, index, edit.new) if after and edit.new else None,
        )
        if change.touched:
            found.append(change)
    return found


def steps(schema: TableSchema, edit: Edit, changes: list[IndexChange], now: int) -> Iterator[Step]:
    """Yield the statements of an edit; `now` in epoch microseconds."""
    if edit.new is not None:
        yield Step("put", "", (*edit.place, edit.new.size, edit.new.body))
    elif edit.old is not None:
        yield Step("delete", "", edit.place)
    for change in changes:
        name = change.index.name
        if change.old_place and change.old_place != change.new_place:
            yield Step("index delete", name, (*change.old_place, *edit.place))
        if change.new_place and change.new is not None:
            yield Step("index put", name, (*change.new_place, *edit.place, change.new.size, change.new.body))
    if schema.logged:
        yield from _logged(schema, edit, now)


def _logged(schema: TableSchema, edit: Edit, now: int) -> Iterator[Step]:
    old, new = edit.old, edit.new
    whole = new or old
    if whole is None or (old is not None and new is not None and old.item == new.item):
        return
    event = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    key = encode({attribute.name: whole.item[attribute.name] for attribute in schema.attributes}).encode()
    yield Step("log", "", (now, event, key, old.body if old else None, new.body if new else None, edit.user))
