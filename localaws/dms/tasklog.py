"""The log of a task in CloudWatch Logs, when its settings ask for one (AWS: "Logging task settings")."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable

MOST = 500
"""Lines that wait to be handed on."""


class TaskLog:
    """Collects lines and hands them on now and then."""

    def __init__(self, hand_on: Callable[[list[str]], None] | None) -> None:
        self._hand_on = hand_on
        self._lock = threading.Lock()
        self._lines: list[str] = []

    def write(self, line: str) -> None:
        """Add a line; it begins with its severity, as `]I:`."""
        now = datetime.datetime.now(datetime.UTC)
        with self._lock:
            if len(self._lines) < MOST:
                self._lines.append(f"{now:%Y-%m-%dT%H:%M:%S} [TASK_MANAGER    {line}")

    def flush(self) -> None:
        """Hand on what has come together."""
        with self._lock:
            lines, self._lines = self._lines, []
        if lines and self._hand_on is not None:
            self._hand_on(lines)
