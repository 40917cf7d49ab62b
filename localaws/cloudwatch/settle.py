"""Settlements: what the evaluation of alarms writes into the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def evaluated(
    backend: Any, *, name: str, configured: str, was: str, state: str, reason: str, data: str
) -> None:
    """An alarm's evaluation led to another state; one that was changed meanwhile is evaluated anew."""
    alarm = backend.alarms.get(name)
    if alarm is None or alarm.configuration_updated_timestamp.isoformat() != configured:
        return
    if alarm.state_value == was:
        backend.change_state(alarm, state, reason, data)


SETTLEMENTS: dict[str, Callable[..., None]] = {"evaluated": evaluated}
