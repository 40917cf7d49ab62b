"""DynamoDB: AWS's rules, and items in SQLite databases of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.dynamodb.plane import DataPlane


def install(control: ControlPlane | None) -> None:  # noqa: ARG001 - every service has the same signature
    """Register our backend with moto."""


def data_plane(control: ControlPlane) -> DataPlane:
    """Return what answers the operations on items, past the journal."""
    from localaws.dynamodb.plane import DataPlane

    return DataPlane.begin(control)
