"""Query and Scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from localaws.dynamodb import capacity, ranges, requests
from localaws.dynamodb.errors import bad_value, flawed, invalid
from localaws.dynamodb.expressions import (
    Placeholders,
    Predicate,
    Projection,
    condition,
    key_condition,
    legacy,
    projection,
)
from localaws.dynamodb.expressions.conditions import paths
from localaws.dynamodb.expressions.keyconditions import KeyCondition, key_tests, matched
from localaws.dynamodb.records import Record, encode
from localaws.dynamodb.requests import Document, Parameters, Tables, Usage
from localaws.dynamodb.schema import IndexSchema, KeyAttribute, TableSchema
from localaws.dynamodb.store import Range, Row, TableStore
from localaws.dynamodb.values import Item

PAGE_BYTES = 1 << 20
MOST_SEGMENTS = 1_000_000
LEGACY = ("AttributesToGet", "ConditionalOperator")


@dataclass
class Search:
    """A Query or Scan: where it looks, what passes, and what is answered of it."""

    schema: TableSchema
    index: IndexSchema | None
    range: Range
    limit: int | None
    consistent: bool
    predicate: Predicate | None
    projection: Projection | None
    fetches: bool
    counts_only: bool


@dataclass
class Page:
    """What a search found before its page was full."""

    records: list[Record] = field(default_factory=list)
    scanned: int = 0
    size: int = 0
    fetched: float = 0.0
    last: Row | None = None
    full: bool = False


def query(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer Query."""
    return _document(tables, given, read_query(tables, given, usage), usage)


def scan(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer Scan."""
    return _document(tables, given, read_scan(tables, given, usage), usage)


def read_query(tables: Tables, given: Parameters, usage: Usage) -> Search:
    """Return the search that a Query asks for."""
    name = _checked(given)
    requests.check_mixture(
        given,
        ("ProjectionExpression", "FilterExpression", "KeyConditionExpression"),
        (*LEGACY, "QueryFilter", "KeyConditions"),
    )
    known = requests.placeholders(given)
    text = given.get("KeyConditionExpression")
    if text is None and given.get("KeyConditions") is None:
        raise invalid(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    node = None if text is None else key_condition(text, known)
    predicate, heads = _filter(given, known, "QueryFilter")
    wanted = _projection(given, known)
    known.check_all_used()
    tests = legacy.key_tests(given["KeyConditions"]) if node is None else key_tests(node, known)
    schema, index = _target(tables, name, given, usage)
    key = schema.attributes if index is None else index.attributes
    asked = matched(tests, key)
    _check_filter(key, heads, "QueryFilter" if given.get("QueryFilter") else "Filter Expression")
    search = _search(schema, index, given, predicate, wanted)
    search.range = _query_range(schema, index, asked, given)
    return search


def _query_range(
    schema: TableSchema, index: IndexSchema | None, asked: KeyCondition, given: Parameters
) -> Range:
    backwards = not requests.boolean(given, "ScanIndexForward", default=True)
    found = ranges.of_condition(asked, index.name if index else None, backwards=backwards)
    return ranges.after(found, schema, index, given.get("ExclusiveStartKey"), asked)


def read_scan(tables: Tables, given: Parameters, usage: Usage) -> Search:
    """Return the search that a Scan asks for."""
    name = _checked(given)
    requests.check_mixture(given, ("ProjectionExpression", "FilterExpression"), (*LEGACY, "ScanFilter"))
    segment = _segment(given)
    known = requests.placeholders(given)
    predicate, _ = _filter(given, known, "ScanFilter")
    wanted = _projection(given, known)
    known.check_all_used()
    schema, index = _target(tables, name, given, usage)
    search = _search(schema, index, given, predicate, wanted)
    found = ranges.of_segment(*segment, index.name if index else None)
    search.range = ranges.after(found, schema, index, given.get("ExclusiveStartKey"), None, segment)
    return search


def _checked(given: Parameters) -> str:
    name = requests.table_name(given)
    requests.check_enums(given)
    requests.integer(given, "Limit", 1)
    return name


def _segment(given: Parameters) -> tuple[int, int]:
    segment = requests.integer(given, "Segment", 0, MOST_SEGMENTS - 1)
    total = requests.integer(given, "TotalSegments", 1, MOST_SEGMENTS)
    if segment is None and total is None:
        return 0, 1
    if total is None:
        raise invalid(
            "The TotalSegments parameter is required but was not present in the request when Segment "
            "parameter is present"
        )
    if segment is None:
        raise invalid(
            "The Segment parameter is required but was not present in the request when parameter "
            "TotalSegments is present"
        )
    if segment >= total:
        raise invalid(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )
    return segment, total


def _filter(given: Parameters, known: Placeholders, old: str) -> tuple[Predicate | None, set[Any]]:
    text = given.get("FilterExpression")
    if text is not None:
        predicate, node = condition(text, "FilterExpression", known)
        return predicate, {steps[0] for steps in paths(node, known)}
    conditions = given.get(old)
    return legacy.filters(conditions, given.get("ConditionalOperator")), set(conditions or ())


def _check_filter(key: tuple[KeyAttribute, ...], heads: set[Any], label: str) -> None:
    for attribute in key:
        if attribute.name in heads:
            raise invalid(
                f"{label} can only contain non-primary key attributes: "
                f"Primary key attribute: {attribute.name}"
            )


def _projection(given: Parameters, known: Placeholders) -> Projection | None:
    text = given.get("ProjectionExpression")
    found = legacy.attributes(given.get("AttributesToGet")) if text is None else projection(text, known)
    select = given.get("Select")
    word = "AttributesToGet" if text is None else "ProjectionExpression"
    if found is not None and select not in (None, "SPECIFIC_ATTRIBUTES"):
        chosen = "only the Count" if select == "COUNT" else select
        raise flawed(f"Cannot specify the {word} when choosing to get {chosen}")
    if found is None and select == "SPECIFIC_ATTRIBUTES":
        raise flawed(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get "
            "SPECIFIC_ATTRIBUTES"
        )
    if select == "ALL_PROJECTED_ATTRIBUTES" and given.get("IndexName") is None:
        raise flawed("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    return found


def _target(
    tables: Tables, name: str, given: Parameters, usage: Usage
) -> tuple[TableSchema, IndexSchema | None]:
    schema = tables.schema(name)
    usage.tables[schema.id] = schema
    wanted = given.get("IndexName")
    if wanted is None:
        return schema, None
    index = schema.indexes.get(wanted)
    if index is None or index.status == "DELETING":
        raise invalid(f"The table does not have the specified index: {wanted}")
    if index.status == "CREATING":
        raise invalid(f"Cannot read from backfilling global secondary index: {wanted}")
    if index.is_global and requests.boolean(given, "ConsistentRead"):
        raise invalid("Consistent reads are not supported on global secondary indexes")
    return schema, index


def _search(
    schema: TableSchema,
    index: IndexSchema | None,
    given: Parameters,
    predicate: Predicate | None,
    wanted: Projection | None,
) -> Search:
    select = given.get("Select")
    return Search(
        schema=schema,
        index=index,
        range=Range(),
        limit=given.get("Limit"),
        consistent=requests.boolean(given, "ConsistentRead"),
        predicate=predicate,
        projection=wanted,
        fetches=fetches(schema, index, select, wanted),
        counts_only=select == "COUNT",
    )


def fetches(
    schema: TableSchema, index: IndexSchema | None, select: str | None, wanted: Projection | None
) -> bool:
    """Return whether items are completed from the table; a Fault for an index that cannot do that."""
    if index is None or index.projection == "ALL":
        return False
    if select == "ALL_ATTRIBUTES" and index.is_global:
        raise bad_value(
            f"Select type ALL_ATTRIBUTES is not supported for global secondary index {index.name} because "
            "its projection type is not ALL"
        )
    held = {attribute.name for attribute in (*schema.attributes, *index.attributes)} | index.included
    missing = [str(steps[0]) for steps in wanted.paths if steps[0] not in held] if wanted else []
    if missing and index.is_global:
        raise bad_value(f"Global secondary index {index.name} does not project [{', '.join(missing)}]")
    return bool(missing) or select == "ALL_ATTRIBUTES"


def _document(tables: Tables, given: Parameters, search: Search, usage: Usage) -> Document:
    schema = search.schema
    page, units = search_page(tables, search, usage)
    usage.returned = len(page.records)
    return Document(
        Items=None if search.counts_only else b"[%s]" % b",".join(bodies(page, search.projection)),
        Count=len(page.records),
        ScannedCount=page.scanned,
        LastEvaluatedKey=last_key(search, page),
        ConsumedCapacity=capacity.consumed(schema, given.get("ReturnConsumedCapacity"), units),
    )


def bodies(page: Page, wanted: Projection | None) -> Iterator[bytes]:
    """Yield the wanted parts of a page's items as JSON."""
    for record in page.records:
        yield record.body if wanted is None else encode(wanted(record.item)).encode()


def search_page(tables: Tables, search: Search, usage: Usage) -> tuple[Page, capacity.Units]:
    """Read a page, and pay for it."""
    page = _read(tables.store(search.schema), search)
    name = search.index.name if search.index else None
    units: capacity.Units = {name: capacity.read_units(page.size, consistent=search.consistent)}
    if search.fetches:
        units[None] = page.fetched
    partition = search.range.low[0] if search.range.low else b""
    tables.admit(search.schema, reads=units, partition=partition)
    requests.note(usage.reads, search.schema, units)
    return page, units


def _read(store: TableStore, search: Search) -> Page:
    page = Page()
    limit = search.limit
    with store.rows(search.range, -1 if limit is None else limit) as rows:
        for row in rows:
            page.scanned += 1
            page.size += row.record.size
            page.last = row
            record = _completed(store, search, row, page)
            if record is not None and (search.predicate is None or search.predicate(record.item)):
                page.records.append(record)
            if page.scanned == limit or page.size >= PAGE_BYTES:
                page.full = True
                break
    return page


def _completed(store: TableStore, search: Search, row: Row, page: Page) -> Record | None:
    if not search.fetches:
        return row.record
    record = store.fetch(row.owner)
    if record is not None:
        page.fetched += capacity.read_units(record.size, consistent=search.consistent)
    return record


def last_key(search: Search, page: Page) -> Item | None:
    """Return where the next page begins, None when there is none."""
    if not page.full or page.last is None:
        return None
    item = page.last.record.item
    attributes = search.schema.attributes + (search.index.attributes if search.index else ())
    return {attribute.name: item[attribute.name] for attribute in attributes}
