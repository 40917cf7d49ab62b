"""AWS Secrets Manager: AWS's rules, and rotations that really change passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:  # noqa: ARG001 - every service has the same signature
    """Register our backend with moto."""
    from moto.secretsmanager.models import secretsmanager_backends

    from localaws.secretsmanager.backend import SecretsManagerBackend

    secretsmanager_backends.backend = SecretsManagerBackend


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller that carries out rotations."""
    from localaws.secretsmanager.controller import RotationController

    return RotationController(control, runtime)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.secretsmanager.settle import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
