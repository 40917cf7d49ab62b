"""What a run of a task is to do: plain values, taken from the model when the run begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localaws.dms.mappings import Mappings
from localaws.dms.route import Access

LOADING = frozenset({"full-load", "full-load-and-cdc"})
CHANGING = frozenset({"cdc", "full-load-and-cdc"})


@dataclass(frozen=True)
class Plan:
    """One run."""

    account_id: str
    region: str
    uid: str
    identifier: str
    run: int
    """Counts the fresh starts: what an earlier one left at the two ends is removed."""
    migration: str
    mappings: Mappings
    settings: dict[str, Any]
    source: Access
    target: Access
    slot: str
    """The slot that the source endpoint's settings name; empty when the task makes its own."""
    start_position: int
    start_time: float
    """Epoch seconds; 0 when the changes begin with the run."""
    stop_commit: float
    stop_clock: float
    restarted: bool
    """Whether the server found it running, or about to, when it started."""

    @property
    def loads(self) -> bool:
        """Whether it moves the rows that are there."""
        return self.migration in LOADING

    @property
    def changes(self) -> bool:
        """Whether it follows the changes."""
        return self.migration in CHANGING

    @property
    def slot_name(self) -> str:
        """The replication slot of this run."""
        return self.slot or f"awsdms_{self.uid.lower()}_{self.run}"

    def setting(self, group: str, name: str, default: Any = None) -> Any:
        """One of the task's settings."""
        return (self.settings.get(group) or {}).get(name, default)
