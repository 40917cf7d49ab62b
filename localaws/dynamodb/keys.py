"""Keys: their rules, and the bytes by which they are found and sorted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from localaws.dynamodb import decimals, values
from localaws.dynamodb.errors import bad_value, invalid
from localaws.dynamodb.schema import IndexSchema, KeyAttribute, TableSchema
from localaws.dynamodb.values import Item, Value

Place = tuple[bytes, bytes]
HASH_BYTES = 4
LONGEST_HASH = 2048
LONGEST_RANGE = 1024


def place(key: tuple[KeyAttribute, ...], item: Item) -> Place:
    """Return where an item with valid key attributes lies."""
    first = hashed(item[key[0].name])
    return first, ordered(item[key[1].name]) if len(key) > 1 else b""


def ordered(value: Value) -> bytes:
    """Return the bytes by which a key attribute's value sorts."""
    ((kind, content),) = value.items()
    if kind == "S":
        return str(content).encode("utf-8", "surrogatepass")
    return decimals.order(content) if kind == "N" else values.decoded(content)


def hashed(value: Value) -> bytes:
    """Return the bytes of a partition key: its hash decides where the partition lies."""
    content = ordered(value)
    return hashlib.blake2b(content, digest_size=HASH_BYTES).digest() + content


def index_place(index: IndexSchema, item: Item) -> Place | None:
    """Return where an item lies in an index, None when it has not the index's key attributes."""
    for attribute in index.attributes:
        value = item.get(attribute.name)
        if value is None or attribute.type not in value or not _size(value, attribute.type):
            return None
    return place(index.attributes, item)


def of_item(schema: TableSchema, item: Item) -> Place:
    """Return where an item belongs; a Fault when its key attributes, or those of an index, are wrong."""
    for attribute in schema.attributes:
        value = item.get(attribute.name)
        if value is None:
            raise bad_value(f"Missing the key {attribute.name} in the item")
        if attribute.type not in value:
            raise bad_value(
                f"Type mismatch for key {attribute.name} expected: {attribute.type} actual: {kind_of(value)}"
            )
        _check_size(schema, attribute, value, "One or more parameter values are not valid. ")
    if schema.indexes:
        check_indexes(schema, item)
    return place(schema.attributes, item)


def check_indexes(schema: TableSchema, item: Item, *, update: bool = False) -> None:
    """Raise the Fault of an attribute that cannot be an index's key."""
    for index in schema.indexes.values():
        for attribute in index.attributes:
            value = item.get(attribute.name)
            if value is None:
                continue
            if attribute.type not in value:
                raise bad_value(
                    f"Type mismatch for Index Key {attribute.name} Expected: {attribute.type} "
                    f"Actual: {kind_of(value)} IndexName: {index.name}"
                )
            _check_index_size(index, attribute, value, update=update)


def _check_index_size(index: IndexSchema, attribute: KeyAttribute, value: Value, *, update: bool) -> None:
    size = _size(value, attribute.type)
    if not size:
        word = "string" if attribute.type == "S" else "binary"
        if update:
            raise invalid(
                "One or more parameter values are not valid. The update expression attempted to update a "
                "secondary index key to a value that is not supported. The AttributeValue for a key "
                f"attribute cannot contain an empty {word} value."
            )
        raise invalid(
            "One or more parameter values are not valid. A value specified for a secondary index key is not "
            "supported. The AttributeValue for a key attribute cannot contain an empty "
            f"{word} value. IndexName: {index.name}, IndexKey: {attribute.name}"
        )
    if size > (LONGEST_HASH if attribute == index.hash else LONGEST_RANGE):
        raise bad_value(_too_long(attribute == index.hash))


def of_checked_key(schema: TableSchema, key: Item) -> Place:
    """Return where the item of a key in canonical form lies."""
    check(schema, schema.attributes, key)
    return place(schema.attributes, key)


def check(schema: TableSchema, attributes: Iterable[KeyAttribute], key: Item) -> None:
    """Raise the Fault of a key that is not made of exactly these attributes."""
    wanted = {attribute.name: attribute for attribute in attributes}
    if wanted.keys() != key.keys():
        raise invalid("The provided key element does not match the schema")
    for name, attribute in wanted.items():
        if attribute.type not in key[name]:
            raise invalid("The provided key element does not match the schema")
        _check_size(schema, attribute, key[name], "One or more parameter values are not valid. ")


def _check_size(schema: TableSchema, attribute: KeyAttribute, value: Value, words: str) -> None:
    size = _size(value, attribute.type)
    if not size:
        word = "string" if attribute.type == "S" else "binary"
        raise invalid(
            f"{words}The AttributeValue for a key attribute cannot contain an empty {word} value. "
            f"Key: {attribute.name}"
        )
    if size > LONGEST_RANGE:
        first = attribute == schema.hash
        if not first or size > LONGEST_HASH:
            raise bad_value(_too_long(first))


def _too_long(first: bool) -> str:
    if first:
        return "Size of hashkey has exceeded the maximum size limit of2048 bytes"
    return "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"


def _size(value: Value, kind: str) -> int:
    if kind == "N":
        return 1
    content = value[kind]
    return len(content.encode("utf-8", "surrogatepass")) if kind == "S" else len(values.decoded(content))


def kind_of(value: Value) -> str:
    """Return the type of a value."""
    return next(iter(value))
