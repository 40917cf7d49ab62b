"""What the DMS service knows of the process that hosts it; set once by `install`."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localaws.dms.progress import Facts, Progress

if TYPE_CHECKING:
    from localaws.control import ControlPlane


@dataclass
class Host:
    """The control plane behind the service, and the figures of its tasks; without one nothing is moved."""

    control: ControlPlane | None = None
    known: dict[str, Progress] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def progress(self, uid: str) -> Progress | None:
        """Return the figures of a task, by its resource id."""
        if self.control is None:
            return None
        with self.lock:
            if uid not in self.known:
                self.known[uid] = Progress(self.control.state.dms_dir / f"{uid}.json")
            return self.known[uid]

    def facts(self, uid: str) -> Facts:
        """Return a copy of the figures."""
        found = self.progress(uid)
        return found.copy() if found is not None else Facts()

    def forget(self, uid: str) -> None:
        """Remove the figures of a task that is deleted."""
        found = self.progress(uid)
        if found is not None:
            found.forget()
        with self.lock:
            self.known.pop(uid, None)


HOST = Host()
