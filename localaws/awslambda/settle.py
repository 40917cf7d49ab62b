"""What running a function leaves in the model: its log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.utils import unix_time_millis
from moto.logs.models import logs_backends


def logged(backend: Any, *, group: str, stream: str, lines: list[str]) -> None:
    """A function has written these lines."""
    logs = logs_backends[backend.account_id][backend.region_name]
    logs.ensure_log_group(group)
    logs.ensure_log_stream(group, stream)
    now = int(unix_time_millis())
    events = [{"timestamp": now, "message": line or " "} for line in lines]
    if events:
        logs.put_log_events(group, stream, events)


SETTLEMENTS: dict[str, Callable[..., None]] = {"logged": logged}
