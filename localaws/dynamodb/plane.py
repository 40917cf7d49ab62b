"""Answers the operations on items, without the control plane's lock and journal."""

from __future__ import annotations

import json
import logging
import secrets
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.dynamodb.admission import NOTHING
from localaws.dynamodb.batches import batch_write_item
from localaws.dynamodb.capacity import Units
from localaws.dynamodb.errors import ItemFault, not_found, unreadable
from localaws.dynamodb.keys import Place
from localaws.dynamodb.partiql import (
    batch_execute_statement,
    execute_statement,
    execute_transaction,
)
from localaws.dynamodb.parts import Parts, parts
from localaws.dynamodb.queries import query, scan
from localaws.dynamodb.reads import batch_get_item, get_item
from localaws.dynamodb.records import encode
from localaws.dynamodb.requests import Document, Parameters, Usage
from localaws.dynamodb.schema import TableSchema
from localaws.dynamodb.store import StoreGone, TableStore
from localaws.dynamodb.stores import Stores
from localaws.dynamodb.transactions import transact_get_items, transact_write_items
from localaws.dynamodb.writes import delete_item, put_item, update_item
from localaws.faults import Answer, Fault

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call
    from localaws.control import ControlPlane

log = logging.getLogger("localaws")

Operation = Callable[["Tables", Parameters, Usage], Document]
Claimed = tuple[str, bytes, bytes]

USABLE = frozenset({"ACTIVE", "UPDATING"})
REMEMBERED_KEYS = 1000
CONTENT_TYPE = ("Content-Type", "application/x-amz-json-1.0")

OPERATIONS: dict[str, Operation] = {
    "PutItem": put_item,
    "GetItem": get_item,
    "UpdateItem": update_item,
    "DeleteItem": delete_item,
    "Query": query,
    "Scan": scan,
    "BatchGetItem": batch_get_item,
    "BatchWriteItem": batch_write_item,
    "TransactGetItems": transact_get_items,
    "TransactWriteItems": transact_write_items,
    "ExecuteStatement": execute_statement,
    "BatchExecuteStatement": batch_execute_statement,
    "ExecuteTransaction": execute_transaction,
}


class DataPlane:
    """The operations on items of all tables of the account."""

    operations = frozenset(OPERATIONS)

    def __init__(self, control: ControlPlane, shared: Parts) -> None:
        self._control = control
        self.stores = shared.stores
        self.admission = shared.admission
        self.claims = Claims()
        self._changes = 0
        self._schemas: dict[tuple[str, str, str], tuple[int, TableSchema]] = {}
        self._accounts: dict[str, tuple[int, str]] = {}
        control.subscribe(self._forget)

    @classmethod
    def begin(cls, control: ControlPlane) -> DataPlane:
        """Return the data plane of a control plane."""
        return cls(control, parts(control))

    def _forget(self) -> None:
        self._changes += 1

    def schema(self, account: str, region: str, name: str) -> TableSchema:
        """Return the schema of a table that may be used, made anew when the model has changed."""
        key = (account, region, name)
        changes = self._changes
        known = self._schemas.get(key)
        if known is not None and known[0] == changes:
            return known[1]
        table = _backend(account, region).tables.get(name)
        if table is None or table.status not in USABLE:
            self._schemas.pop(key, None)
            raise not_found()
        schema = TableSchema.of(table)
        if known is not None and vars(known[1]) == vars(schema):
            schema = known[1]
        self._schemas[key] = (changes, schema)
        return schema

    def answer(self, call: Call) -> Answer:
        """Answer an operation on items."""
        began = time.perf_counter()
        usage = Usage()
        error: str | None = None
        try:
            given = json.loads(call.request.body or b"{}")
            if type(given) is not dict:
                raise unreadable("Unexpected value type in payload")
            tables = Tables(self, self._account_of(call), call.region)
            body = OPERATIONS[call.action](tables, given, usage).encoded()
            return _answer(200, body)
        except ValueError:
            error = "SerializationException"
            return _refusal(Fault(error, "The request's body is not JSON"))
        except (StoreGone, FileNotFoundError, sqlite3.ProgrammingError):
            error = "ResourceNotFoundException"
            return _refusal(not_found())
        except Fault as fault:
            error = fault.code
            return _refusal(fault)
        except Exception as failure:
            error = "InternalServerError"
            log.exception("%s failed", call.action)
            return _refusal(_internal(failure))
        finally:
            self._account(call.action, usage, time.perf_counter() - began, error)

    def _account_of(self, call: Call) -> str:
        """Return the account of a caller's key, looked up anew when the model has changed."""
        given = call.request.headers.get("x-moto-account-id")
        if given is not None:
            return given
        access_key = (call.request.credential or "").partition("/")[0]
        changes = self._changes
        known = self._accounts.get(access_key)
        if known is None or known[0] != changes:
            if known is None and len(self._accounts) >= REMEMBERED_KEYS:
                self._accounts.clear()
            known = self._accounts[access_key] = (changes, _account_of_key(access_key))
        return known[1]

    def _account(self, operation: str, usage: Usage, seconds: float, error: str | None) -> None:
        for schema in usage.tables.values():
            self.admission.account(
                schema,
                operation,
                reads=usage.reads.get(schema, NOTHING),
                writes=usage.writes.get(schema, NOTHING),
                seconds=seconds,
                returned=usage.returned,
                error=error,
            )


class Claims:
    """The items that transactions are working on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.held: Counter[Claimed] = Counter()

    @contextmanager
    def claim(self, items: Sequence[Claimed]) -> Iterator[list[bool]]:
        """Hold items; the context's value tells for each whether another transaction has it."""
        with self._lock:
            taken = [item in self.held for item in items]
            self.held.update(items)
        try:
            yield taken
        finally:
            with self._lock:
                self.held.subtract(items)
                for item in items:
                    if not self.held[item]:
                        del self.held[item]


@dataclass(slots=True)
class Tables:
    """The tables of an account in a Region, as an operation sees them."""

    plane: DataPlane
    account: str
    region: str

    @property
    def stores(self) -> Stores:
        """The stores of all tables."""
        return self.plane.stores

    def schema(self, name: str) -> TableSchema:
        """Return a table's schema; a Fault when there is none that may be used."""
        return self.plane.schema(self.account, self.region, name)

    def store(self, schema: TableSchema) -> TableStore:
        """Return a table's store."""
        return self.plane.stores.open(self.account, self.region, schema.id)

    def admit(
        self,
        schema: TableSchema,
        *,
        reads: Units | None = None,
        writes: Units | None = None,
        partition: bytes = b"",
    ) -> None:
        """Take the units, or raise the throttling Fault."""
        self.plane.admission.admit(
            schema, reads=reads or NOTHING, writes=writes or NOTHING, partition=partition
        )

    def check_free(self, schema: TableSchema, place: Place) -> None:
        """Raise the Fault of a write to an item that a transaction is working on."""
        held = self.plane.claims.held
        if held and (schema.id, *place) in held:
            raise ItemFault("TransactionConflictException", "Transaction is ongoing for the item")

    def claim(self, places: Sequence[tuple[TableSchema, Place]]) -> AbstractContextManager[list[bool]]:
        """Hold items for a transaction; the context's value tells for each whether another one has it."""
        return self.plane.claims.claim([(schema.id, *place) for schema, place in places])


def _backend(account: str, region: str) -> Any:
    from moto.dynamodb.models import dynamodb_backends

    return dynamodb_backends[account][region]


def _account_of_key(access_key: str) -> str:
    from moto.iam.models import get_account_id_from

    return str(get_account_id_from(access_key))


def _internal(failure: Exception) -> Fault:
    reason = f"The local AWS failed ({type(failure).__name__}). See `localaws logs`."
    if isinstance(failure, sqlite3.OperationalError | OSError):
        reason = f"The items were not read or saved: {failure}. Make room on the disk, then retry."
    return Fault("InternalServerError", reason, 500, sender=False)


def _answer(status: int, body: bytes) -> Answer:
    request_id = ("x-amzn-RequestId", secrets.token_hex(26).upper())
    length = ("Content-Length", str(len(body)))
    return Answer(status, [CONTENT_TYPE, request_id, length], body)


def _refusal(fault: Fault) -> Answer:
    kind = "com.amazon.coral.validate#" if fault.code == "ValidationException" else _NAMESPACE
    if fault.code == "SerializationException":
        kind = "com.amazon.coral.service#"
    # boto3 and the service's model spell this member differently for the two kinds of errors
    spelled = "message" if fault.code != "SerializationException" else "Message"
    details = fault.details if isinstance(fault, ItemFault) else {}
    if fault.code == "TransactionCanceledException":
        spelled = "Message"
    document = {"__type": kind + fault.code, spelled: fault.message, **details}
    return _answer(fault.status, encode(document).encode())


_NAMESPACE = "com.amazonaws.dynamodb.v20120810#"
