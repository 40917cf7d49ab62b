"""AWS Systems Manager: sessions that forward ports, and commands that run on EC2 instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:  # noqa: ARG001 - every service has the same signature
    """Register our operations with moto."""
    from moto.ssm.models import ssm_backends

    from localaws.ssm.backend import SsmBackend

    ssm_backends.backend = SsmBackend


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller of sessions and commands."""
    from localaws.ssm.controller import SsmController

    return SsmController(control, runtime)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.ssm.settle import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
