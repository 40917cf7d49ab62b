"""Settlements: what has really become of a command.

One that finds its command gone, or its end known already, does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.utils import utcnow

from localaws.ssm.commands import OPEN, Invocation, kept


def began(backend: Any, *, command_id: str, instance_id: str) -> None:
    """The command is about to be started: if it is lost now, it is not tried again."""
    found = _open(backend, command_id, instance_id)
    if found is not None and found.status == "Pending":
        found.come("InProgress")
        found.started = utcnow()


def ended(
    backend: Any,
    *,
    command_id: str,
    instance_id: str,
    status: str,
    details: str,
    code: int,
    output: str,
    errors: str,
) -> None:
    """The command does not run any more."""
    found = _open(backend, command_id, instance_id)
    if found is not None:
        found.come(status, details)
        found.code, found.output, found.errors = code, output, errors
        found.ended = utcnow()


def _open(backend: Any, command_id: str, instance_id: str) -> Invocation | None:
    command = kept(backend).get(command_id)
    found = command.invocations.get(instance_id) if command else None
    return found if found is not None and found.status in OPEN else None


SETTLEMENTS: dict[str, Callable[..., None]] = {each.__name__: each for each in (began, ended)}
