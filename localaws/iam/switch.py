"""The file that says whether IAM's policies are enforced; off until it is switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localaws.state import StateDir

FILE = "iam.json"


class Switch:
    """Reads the file again whenever it was replaced."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._path = state.path / FILE
        self._read = -1
        self._on = False

    @property
    def on(self) -> bool:
        """Whether policies are enforced now."""
        try:
            written = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        if written != self._read:
            self._on = enforcing(self._state)
            self._read = written
        return self._on


def enforcing(state: StateDir) -> bool:
    """Whether the state folder says that policies are enforced."""
    return bool((state.read_json(FILE) or {}).get("enforce"))


def enforce(state: StateDir, *, on: bool) -> None:
    """Switch enforcing on or off; a server that runs notices at its next call."""
    state.write_json(FILE, {"enforce": on})
