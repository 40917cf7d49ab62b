"""The way of a look-up: the records of earlier calls become events before the model is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call
    from localaws.control import ControlPlane
    from localaws.faults import Answer


@dataclass(frozen=True)
class History:
    """Answers LookupEvents."""

    control: ControlPlane
    operations: frozenset[str] = frozenset({"LookupEvents"})

    def answer(self, call: Call) -> Answer:
        """Answer a look-up."""
        self.control.trail.flush()
        return self.control.perform(call)
