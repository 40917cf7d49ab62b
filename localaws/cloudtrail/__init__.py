"""AWS CloudTrail: who called what, when, and how it ended; trails that deliver it to S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.cloudtrail.history import History
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:
    """Register our backend with moto."""
    from localaws.cloudtrail import backend
    from localaws.cloudtrail.host import HOST

    HOST.control = control
    backend.install()


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller that delivers events."""
    from localaws.cloudtrail.delivery import Delivery

    delivery = Delivery(control, control.trail, runtime.reconciler)
    delivery.select()
    control.subscribe(delivery.select)
    return delivery


def data_plane(control: ControlPlane) -> History:
    """Return what answers look-ups."""
    from localaws.cloudtrail.history import History

    return History(control)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.cloudtrail.backend import delivered

        return {"delivered": delivered}
    raise AttributeError(name)
