"""AWS Glue: the data catalog, which Athena reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime

SETTLEMENTS: dict[str, Any] = {}


def install(control: ControlPlane | None) -> None:  # noqa: ARG001 - every service has the same signature
    """Register our backend with moto."""
    from moto.glue.models import glue_backends

    from localaws.glue.backend import GlueBackend

    glue_backends.backend = GlueBackend


def start(control: ControlPlane, runtime: Runtime) -> Controller:  # noqa: ARG001 - as above
    """Return a controller that has nothing to look after."""
    from localaws.sns import NoServers

    return NoServers()
