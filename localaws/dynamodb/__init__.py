"""DynamoDB: AWS's rules, and items in SQLite databases of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.cloudwatch.measure import Probe
    from localaws.control import ControlPlane
    from localaws.dynamodb.doors import Doors
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:
    """Register our backend with moto; without a control plane there are no stores behind it."""
    from moto.dynamodb.models import dynamodb_backends

    from localaws.dynamodb.backend import DynamoDBBackend
    from localaws.dynamodb.figures import HOST

    HOST.control = control
    dynamodb_backends.backend = DynamoDBBackend


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller that keeps the stores."""
    from localaws.dynamodb.controller import DynamoDBController

    return DynamoDBController(control, runtime)


def probe(control: ControlPlane, runtime: Runtime) -> Probe:  # noqa: ARG001 - every service has the same signature
    """Return what tells the metrics of the tables."""
    from localaws.dynamodb.measures import Meter

    return Meter(control)


def data_plane(control: ControlPlane) -> Doors:
    """Return what answers the operations on items, and those that wait, past the journal."""
    from localaws.dynamodb.doors import Doors

    return Doors(control)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.dynamodb.settle import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
