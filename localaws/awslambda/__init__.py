"""AWS Lambda: Python functions run in a process of their own, without Docker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:  # noqa: ARG001 - every service has the same signature
    """Register our backend with moto."""
    from moto.awslambda.models import lambda_backends

    from localaws.awslambda.backend import LambdaBackend

    lambda_backends.backend = LambdaBackend


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller that runs functions."""
    from localaws.awslambda.functions import start as begin

    return begin(control, runtime)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.awslambda.settle import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
