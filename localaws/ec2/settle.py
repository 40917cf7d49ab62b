"""Settlements: what has really become of an instance's programs.

One that finds its instance gone, or in another state already, does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localaws.ec2.backend import to


def booted(backend: Any, *, instance_id: str, boot: int) -> None:
    """The user data of this start have been started."""
    instance = backend.get_instance_by_id(instance_id)
    if instance is not None and instance.state == "pending" and instance.boot == boot:
        to(instance, "running")


def reachable(backend: Any, *, instance_id: str, address: str) -> None:
    """What the instance serves is reached at this address of the machine."""
    instance = backend.get_instance_by_id(instance_id)
    if instance is None or instance.state not in ("pending", "running"):
        return
    interface = instance.nics.get(0)
    if interface is None or not interface.public_ip:
        return
    if not any(each.public_ip == interface.public_ip for each in backend.addresses):
        interface.public_ip = address


def crashed(backend: Any, *, instance_id: str) -> None:
    """Its programs do not run although they should."""
    instance = backend.get_instance_by_id(instance_id)
    if instance is not None and instance.state == "running":
        to(instance, "pending")


def halted(backend: Any, *, instance_id: str) -> None:
    """Its programs have ended, as was asked."""
    instance = backend.get_instance_by_id(instance_id)
    if instance is not None and instance.state == "stopping":
        instance.stop()
    elif instance is not None and instance.state == "shutting-down":
        instance.terminate()


SETTLEMENTS: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (booted, reachable, crashed, halted)
}
