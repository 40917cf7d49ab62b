"""Amazon Athena: SQL over the objects of S3, run by DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:
    """Register our backend with moto, and those of the services that hold its data."""
    from moto.athena.models import athena_backends

    from localaws import glue, s3
    from localaws.athena.backend import AthenaBackend

    s3.install(control)
    glue.install(control)
    athena_backends.backend = AthenaBackend


def start(control: ControlPlane, _: Runtime) -> Controller:
    """Return the controller that runs queries."""
    from localaws.athena.controller import Queries

    return Queries(control)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.athena.settle import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
