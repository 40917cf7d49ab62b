"""AWS Database Migration Service: its API with AWS's rules, and tasks that really move rows and changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.cloudwatch.measure import Probe
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:
    """Register our backend with moto; without a control plane nothing is moved."""
    from moto.dms.models import dms_backends

    from localaws.dms.backend import DmsBackend
    from localaws.dms.host import HOST

    HOST.control = control
    dms_backends.backend = DmsBackend


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller that runs the tasks."""
    from localaws.dms.controller import MigrationController

    return MigrationController(control, runtime)


def probe(control: ControlPlane, runtime: Runtime) -> Probe:
    """Return what reads the tasks' figures."""
    from localaws.dms.measures import Meter

    return Meter(control, runtime)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.dms.settle import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
