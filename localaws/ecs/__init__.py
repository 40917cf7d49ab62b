"""Amazon ECS: tasks and services whose containers are processes of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:  # noqa: ARG001 - every service has the same signature
    """Register our backend with moto."""
    from moto.ecs.models import ecs_backends

    from localaws.ecs.backend import EcsBackend

    ecs_backends.backend = EcsBackend


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller that runs tasks."""
    from localaws.ecs.controller import EcsController

    return EcsController(control, runtime)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.ecs.settle import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
