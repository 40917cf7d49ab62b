"""DynamoDB: AWS's rules, and items in SQLite databases of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.dynamodb.plane import DataPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:  # noqa: ARG001 - every service has the same signature
    """Register our backend with moto."""
    from moto.dynamodb.models import dynamodb_backends

    from localaws.dynamodb.backend import DynamoDBBackend

    dynamodb_backends.backend = DynamoDBBackend


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller that keeps the stores."""
    from localaws.dynamodb.controller import DynamoDBController

    return DynamoDBController(control, runtime)


def data_plane(control: ControlPlane) -> DataPlane:
    """Return what answers the operations on items, past the journal."""
    from localaws.dynamodb.plane import DataPlane

    return DataPlane.begin(control)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.dynamodb.settle import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
