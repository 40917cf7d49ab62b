"""Amazon Redshift, modelled: clusters of one DuckDB file each, asked through the Data API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:
    """Register our backends with moto."""
    from localaws.redshift import backend, statements
    from localaws.redshift.host import HOST

    HOST.control = control
    backend.install()
    statements.install()


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller of the clusters' databases."""
    from localaws.redshift.controller import RedshiftController

    return RedshiftController(control, runtime.reconciler)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.redshift.backend import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
