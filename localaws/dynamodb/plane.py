"""Answers the operations on items, without the control plane's lock and journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localaws.dynamodb.parts import Parts, parts

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call
    from localaws.control import ControlPlane
    from localaws.faults import Answer

OPERATIONS = frozenset(
    {
        "PutItem",
        "GetItem",
        "UpdateItem",
        "DeleteItem",
        "Query",
        "Scan",
        "BatchGetItem",
        "BatchWriteItem",
        "TransactGetItems",
        "TransactWriteItems",
        "ExecuteStatement",
        "BatchExecuteStatement",
        "ExecuteTransaction",
    }
)


class DataPlane:
    """The operations on items of all tables of the account."""

    operations = OPERATIONS

    def __init__(self, control: ControlPlane, shared: Parts) -> None:
        self._control = control
        self._stores = shared.stores
        self._admission = shared.admission

    @classmethod
    def begin(cls, control: ControlPlane) -> DataPlane:
        """Return the data plane of a control plane."""
        return cls(control, parts(control))

    def answer(self, call: Call) -> Answer:
        """Answer an operation on items."""
        raise NotImplementedError
