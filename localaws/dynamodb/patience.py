"""Calls that wait a moment for the controller: waiters look first at once, and then only after 20 seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call
    from localaws.control import ControlPlane
    from localaws.faults import Answer

LOOK_SECONDS = 0.005
CHANGE_SECONDS, LONG_CHANGE_SECONDS = 5.0, 0.25
"""Longest wait of DescribeTable for a change that is under way; the latter where items have to be moved."""
COPY_SECONDS = 60.0
"""Longest wait of CreateBackup for the copy: what is written after its answer does not belong into it."""


class Patience:
    """DescribeTable once a change has ended, CreateBackup once the copy is made."""

    operations = frozenset({"DescribeTable", "CreateBackup"})

    def __init__(self, control: ControlPlane) -> None:
        self._control = control

    def answer(self, call: Call) -> Answer:
        """Answer one of the operations."""
        if call.action == "DescribeTable":
            name = self._name(call)
            self._wait(lambda: self._changes(call.region, name, long=False), CHANGE_SECONDS)
            self._wait(lambda: self._changes(call.region, name, long=True), LONG_CHANGE_SECONDS)
            return self._control.perform(call)
        answer = self._control.perform(call)
        if answer.status == 200:
            arn = json.loads(answer.body)["BackupDetails"]["BackupArn"]
            self._wait(lambda: self._copies(arn), COPY_SECONDS)
        return answer

    def _name(self, call: Call) -> str:
        try:
            request = json.loads(call.request.body)
            return str(request.get("TableName")).rpartition("/")[2]
        except (ValueError, AttributeError):
            return ""

    def _wait(self, pending: Callable[[], bool], patience: float) -> None:
        deadline = time.monotonic() + patience
        while pending() and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)

    def _changes(self, region: str, name: str, *, long: bool) -> bool:
        """Whether a table is being changed, and whether that moves its items."""
        tables = [backend.tables.get(name) for backend in self._backends() if backend.region_name == region]
        return any(
            table.status != "ACTIVE" and long == (table.source is not None or table.status == "UPDATING")
            for table in tables
            if table is not None
        )

    def _copies(self, arn: str) -> bool:
        return any(
            arn in backend.backups and backend.backups[arn].status == "CREATING"
            for backend in self._backends()
        )

    def _backends(self) -> list[Any]:
        with self._control.lock:
            return [backend for _, _, backend in self._control.backends("dynamodb")]
