"""The Redshift Data API as a service of its own; the clusters' controller runs its statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.redshift import install

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.redshift.listings import Listings
    from localaws.runtime import Runtime

__all__ = ["install"]


class Idle:
    """Nothing to do: statements belong to clusters."""

    def reconcile(self) -> None:
        """Do nothing."""

    def shutdown(self) -> None:
        """Do nothing."""

    def engines(self) -> list[Engine]:
        """No servers."""
        return []


def start(control: ControlPlane, runtime: Runtime) -> Idle:  # noqa: ARG001 - every service has the same signature
    """Return a controller."""
    return Idle()


def data_plane(control: ControlPlane) -> Listings:
    """Return what answers listings."""
    from localaws.redshift.listings import Listings

    return Listings(control)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.redshift.statements import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
