"""Amazon EC2: moto's model with AWS's default VPC, and instances whose user data runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None = None) -> None:  # noqa: ARG001 - every service has the same signature
    """Register our backend with moto."""
    from moto.ec2.models import ec2_backends

    from localaws.ec2.backend import Ec2Backend

    ec2_backends.backend = Ec2Backend


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller that runs the instances' programs."""
    from localaws.ec2.controller import Ec2Controller

    return Ec2Controller(control, runtime)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.ec2.settle import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
