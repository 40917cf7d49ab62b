"""Availability Zones that are down: the command line writes them to a file, the controllers read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localaws.errors import LocalawsError

if TYPE_CHECKING:
    from localaws.state import StateDir

FILE = "zones.json"
_NAME = re.compile(r"[a-z]{2}(-[a-z]+)+-\d[a-z]")


class UnknownZone(LocalawsError):
    """A word that is not the name of an Availability Zone."""


def failed(state: StateDir) -> frozenset[str]:
    """Names of the zones that are down."""
    return frozenset(state.read_json(FILE) or ())


def fail(state: StateDir, zone: str) -> None:
    """Take a zone down: what stands in it is killed and held down until it is restored."""
    _write(state, failed(state) | {_checked(zone)})


def restore(state: StateDir, zone: str) -> None:
    """Let a zone be up again."""
    _write(state, failed(state) - {_checked(zone)})


def _checked(zone: str) -> str:
    if not _NAME.fullmatch(zone):
        raise UnknownZone(f"{zone!r} is no Availability Zone. Name one as us-east-1a is named.")
    return zone


def _write(state: StateDir, zones: frozenset[str]) -> None:
    state.write_json(FILE, sorted(zones))
