"""TransactWriteItems and TransactGetItems (How DynamoDB transactions work).

Both hold the writers' locks of their tables. A transaction on an item that another one is just working on is
refused, as on AWS; it can be tried again at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from localaws.dynamodb import capacity, requests
from localaws.dynamodb.capacity import TRANSACTIONAL, Units
from localaws.dynamodb.errors import ItemFault, invalid, unreadable
from localaws.dynamodb.intents import Outcome
from localaws.dynamodb.reads import Read, read_get
from localaws.dynamodb.records import Edit, IndexChange, Record, Step, encode
from localaws.dynamodb.requests import Document, Parameters, Tables, Usage
from localaws.dynamodb.schema import TableSchema
from localaws.dynamodb.store import TableStore
from localaws.dynamodb.writes import Write, collection_of, read_check, read_delete, read_put, read_update
from localaws.faults import Fault

MOST_ACTIONS = 100
MOST_BYTES = 4 << 20
LONGEST_TOKEN = 36
CHECK = "ConditionCheck"
READERS: dict[str, Callable[..., Write]] = {
    "Put": read_put,
    "Update": read_update,
    "Delete": read_delete,
    CHECK: read_check,
}
CODES = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "ValidationException": "ValidationError",
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    "ThrottlingException": "ThrottlingError",
}
FINE = {"Code": "None"}
TABLE_FAULTS = frozenset({"ResourceNotFoundException", "SerializationException"})


@dataclass
class _Work:
    """What a transaction does to a table."""

    schema: TableSchema
    store: TableStore
    edits: list[Edit] = field(default_factory=list)
    changes: list[list[IndexChange]] = field(default_factory=list)


def transact_write_items(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer TransactWriteItems: all writes or none."""
    requests.check_enums(given)
    actions = [_action(asked) for asked in _listed(given)]
    token = given.get("ClientRequestToken")
    if token is not None and (type(token) is not str or not 1 <= len(token) <= LONGEST_TOKEN):
        rule = f"Member must have length less than or equal to {LONGEST_TOKEN}"
        raise requests.constraint("clientRequestToken", token, rule)
    writes = _read_all(tables, actions, usage)
    kinds = [kind for kind, _ in actions]
    return perform(tables, given, list(zip(kinds, writes, strict=True)), usage, token)


def perform(
    tables: Tables,
    given: Parameters,
    actions: list[tuple[str, Write]],
    usage: Usage,
    token: str | None,
) -> Document:
    """Carry out the writes of a transaction, once for a token."""
    writes = [write for _, write in actions]
    _check_unique(writes)
    digest = _digest(given)
    works = _works(tables, writes)
    with tables.claim([(write.schema, write.place) for write in writes]) as taken:
        _check_conflicts(taken)
        with tables.stores.writing([work.store for work in works.values()]):
            earlier = tables.stores.intents(tables.account, tables.region).outcome(token) if token else None
            if earlier is not None:
                return _again(tables, given, writes, earlier, digest, usage)
            units = _decide(tables, actions, works, usage)
            outcome = Outcome(token, digest) if token else None
            tables.stores.commit(tables.account, tables.region, _steps(works), outcome)
            for work in works.values():
                work.store.recount(work.edits, work.changes)
    return _answer(tables, given, writes, units, "Write")


def _digest(given: Parameters) -> bytes:
    asked = {name: value for name, value in given.items() if name.startswith("Transact")}
    return hashlib.blake2b(encode(asked).encode(), digest_size=16).digest()


def _listed(given: Parameters) -> list[Any]:
    listed = requests.member(given, "TransactItems")
    if not isinstance(listed, list):
        raise unreadable("Unexpected field type")
    if not listed:
        rule = "Member must have length greater than or equal to 1"
        raise requests.constraint("transactItems", "[]", rule)
    if len(listed) > MOST_ACTIONS:
        rule = f"Member must have length less than or equal to {MOST_ACTIONS}"
        raise requests.constraint("transactItems", encode(listed), rule)
    return listed


def _action(asked: Any) -> tuple[str, Parameters]:
    if not isinstance(asked, dict):
        raise unreadable("Unexpected value type in payload")
    named = [name for name in READERS if asked.get(name) is not None]
    if len(named) != 1:
        raise invalid("TransactItems can only contain one of Check, Put, Update or Delete")
    return named[0], asked[named[0]]


def _read_all(tables: Tables, actions: list[tuple[str, Parameters]], usage: Usage) -> list[Write]:
    """Return the writes; what is wrong with single ones cancels the transaction."""
    writes: list[Write | None] = []
    reasons: list[dict[str, Any]] = []
    for kind, given in actions:
        try:
            writes.append(READERS[kind](tables, given, usage, within=True))
            reasons.append(FINE)
        except Fault as fault:
            if fault.code in TABLE_FAULTS or not _concerns_item(fault):
                raise
            writes.append(None)
            reasons.append(_reason(fault))
    if any(reason is not FINE for reason in reasons):
        raise cancelled(reasons)
    return [write for write in writes if write is not None]


def _concerns_item(fault: Fault) -> bool:
    """Whether DynamoDB finds the mistake only when it looks at the item and its table."""
    words = ("key element", "Type mismatch", "Missing the key", "part of the key")
    return any(word in fault.message for word in words)


def _check_unique(actions: Sequence[Write | Read]) -> None:
    if len({(action.schema.id, action.place) for action in actions}) < len(actions):
        raise invalid("Transaction request cannot include multiple operations on one item")


def _check_conflicts(taken: list[bool]) -> None:
    if any(taken):
        conflict = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
        raise cancelled([conflict if busy else FINE for busy in taken])


def _works(tables: Tables, actions: Sequence[Write | Read]) -> dict[str, _Work]:
    schemas = {action.schema.id: action.schema for action in actions}
    return {table_id: _Work(schema, tables.store(schema)) for table_id, schema in schemas.items()}


def _decide(
    tables: Tables, actions: list[tuple[str, Write]], works: dict[str, _Work], usage: Usage
) -> dict[TableSchema, Units]:
    """Prepare all edits, and take their units; a Fault with a reason for each that cannot be."""
    total: dict[TableSchema, Units] = {}
    reasons: list[dict[str, Any]] = []
    size = 0
    for kind, write in actions:
        work = works[write.schema.id]
        try:
            edit, units = _prepare(kind, write, work)
            requests.note(total, write.schema, units)
            tables.admit(write.schema, writes=units, partition=write.place[0])
            size += edit.new.size if edit.new else 0
            reasons.append(FINE)
        except Fault as fault:
            reasons.append(_reason(fault))
    for schema, used in total.items():
        requests.note(usage.writes, schema, used)
    if any(reason is not FINE for reason in reasons):
        raise cancelled(reasons)
    if size > MOST_BYTES:
        raise invalid("Member must have aggregate size less than or equal to 4194304 bytes")
    return total


def _prepare(kind: str, write: Write, work: _Work) -> tuple[Edit, Units]:
    edit = write.edit(work.store.current(write.place))
    changes = write.changes(edit) if kind != CHECK else []
    if kind != CHECK:
        work.edits.append(edit)
        work.changes.append(changes)
    return edit, capacity.units_of_edit(edit, changes, TRANSACTIONAL)


def _steps(works: dict[str, _Work]) -> dict[str, list[Step]]:
    steps = {
        table_id: work.store.steps(work.schema, work.edits, work.changes) for table_id, work in works.items()
    }
    return {table_id: found for table_id, found in steps.items() if found}


def _reason(fault: Fault) -> dict[str, Any]:
    reason: dict[str, Any] = {"Code": CODES.get(fault.code, fault.code), "Message": fault.message}
    item = fault.details.get("Item") if isinstance(fault, ItemFault) else None
    return reason if item is None else reason | {"Item": item}


def cancelled(reasons: list[dict[str, Any]]) -> ItemFault:
    """Return the fault of a transaction that was not carried out."""
    codes = ", ".join(reason["Code"] for reason in reasons)
    return ItemFault(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        details={"CancellationReasons": reasons},
    )


def _again(
    tables: Tables,
    given: Parameters,
    writes: list[Write],
    earlier: Outcome,
    digest: bytes,
    usage: Usage,
) -> Document:
    """Answer a transaction that was carried out already: it is only read."""
    if earlier.request != digest:
        raise Fault(
            "IdempotentParameterMismatchException",
            "The client token was used for a transaction with other parameters in the last ten minutes. "
            "Send each transaction with a token of its own.",
        )
    total: dict[TableSchema, Units] = {}
    for write in writes:
        record = tables.store(write.schema).current(write.place)
        units: Units = {
            None: TRANSACTIONAL * capacity.read_units(record.size if record else 0, consistent=True)
        }
        requests.note(total, write.schema, units)
        requests.note(usage.reads, write.schema, units)
    return _answer(tables, given, writes, total, "Read")


def _answer(
    tables: Tables, given: Parameters, writes: list[Write], units: dict[TableSchema, Units], kind: str
) -> Document:
    metrics: dict[str, list[Any]] = {}
    if given.get("ReturnItemCollectionMetrics") == "SIZE":
        for write in writes:
            found = collection_of(tables.store(write.schema), write)
            if found is not None:
                metrics.setdefault(write.schema.name, []).append(found)
    return Document(ConsumedCapacity=consumed_by(given, units, kind), ItemCollectionMetrics=metrics or None)


def consumed_by(given: Parameters, units: dict[TableSchema, Units], kind: str) -> list[Any] | None:
    """Return the ConsumedCapacity of each table of a transaction."""
    asked = given.get("ReturnConsumedCapacity")
    if asked not in ("TOTAL", "INDEXES"):
        return None
    return [capacity.consumed(schema, asked, used, kind) for schema, used in units.items()]


def transact_get_items(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer TransactGetItems: all items as they were at one moment."""
    requests.check_enums(given)
    reads = []
    for asked in _listed(given):
        if not isinstance(asked, dict) or not isinstance(asked.get("Get"), dict):
            raise requests.constraint("transactItems.1.member.get", None, "Member must not be null")
        reads.append(read_get(tables, asked["Get"], usage))
    return read_together(tables, given, reads, usage)


def read_together(tables: Tables, given: Parameters, reads: list[Read], usage: Usage) -> Document:
    """Read items as they were at one moment."""
    _check_unique(reads)
    works = _works(tables, reads)
    with tables.claim([(read.schema, read.place) for read in reads]) as taken:
        _check_conflicts(taken)
        with tables.stores.writing([work.store for work in works.values()]):
            records = [works[read.schema.id].store.current(read.place) for read in reads]
    total: dict[TableSchema, Units] = {}
    for read, record in zip(reads, records, strict=True):
        units: Units = {
            None: TRANSACTIONAL * capacity.read_units(record.size if record else 0, consistent=True)
        }
        tables.admit(read.schema, reads=units, partition=read.place[0])
        requests.note(total, read.schema, units)
        requests.note(usage.reads, read.schema, units)
    return Document(
        Responses=b"[%s]" % b",".join(map(_response, reads, records)),
        ConsumedCapacity=consumed_by(given, total, "Read"),
    )


def _response(read: Read, record: Record | None) -> bytes:
    return b"{}" if record is None else b'{"Item":%s}' % read.body(record)
