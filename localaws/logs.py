"""Amazon CloudWatch Logs: moto's, with log streams that services of this local AWS write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.sns import NoServers

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime

KEPT = 20000
"""Events of an exported stream that are kept: the newest."""


def install(_: ControlPlane | None) -> None:
    """Leave the backend as it is."""


def start(_: ControlPlane, __: Runtime) -> Controller:
    """Return a controller that has nothing to look after."""
    return NoServers()


def exported(backend: Any, *, group: str, stream: str) -> None:
    """A service begins to write a log stream."""
    if group not in backend.groups:
        backend.create_log_group(group, {})
    backend.ensure_log_stream(group, stream)


SETTLEMENTS = {"exported": exported}


def append(backend: Any, group: str, stream: str, positions: dict[str, int], events: list[Any]) -> bool:
    """Add events to an exported stream, and note how far its sources were read; False when it is gone.

    Both are only in the model: one that is brought back without the newest events reads them again.
    """
    found = _stream(backend, group, stream)
    if found is None:
        return False
    if events:
        found.put_log_events(events)
        del found.events[:-KEPT]
    found.positions = positions
    return True


def positions(backend: Any, group: str, stream: str) -> dict[str, int] | None:
    """How far the sources of an exported stream were read; None when there is no such stream."""
    found = _stream(backend, group, stream)
    return None if found is None else dict(getattr(found, "positions", {}))


def _stream(backend: Any, group: str, stream: str) -> Any:
    found = backend.groups.get(group)
    return None if found is None else found.streams.get(stream)
