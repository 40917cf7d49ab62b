"""The operations that are answered without the control plane's lock: on items, and those that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localaws.dynamodb.patience import Patience
from localaws.dynamodb.plane import DataPlane

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call
    from localaws.control import ControlPlane
    from localaws.faults import Answer


class Doors:
    """The data plane and the patient calls behind one door."""

    operations = DataPlane.operations | Patience.operations

    def __init__(self, control: ControlPlane) -> None:
        self._items = DataPlane.begin(control)
        self._patient = Patience(control)

    def answer(self, call: Call) -> Answer:
        """Answer one of the operations."""
        if call.action in Patience.operations:
            return self._patient.answer(call)
        return self._items.answer(call)
