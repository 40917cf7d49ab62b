"""What differs from engine to engine in the model of a DB instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from localaws.rds import parameters
from localaws.rds.mariadb import parameters as mariadb


@dataclass(frozen=True)
class Flavour:
    """An engine's ways.

    `home` begins the name of the folder of an instance, `logs` is the pattern of its log files, and
    `shelves` says which of them are not shown under `error/`.
    """

    home: str
    logs: str
    settings: Callable[[Mapping[str, str], Mapping[str, float]], dict[str, str]]
    forces_tls: Callable[[Mapping[str, str], str], bool]
    shelves: Mapping[str, str] = field(default_factory=dict)
    tls_setting: str | None = None
    """A setting that only tells whoever asks the server that its endpoint demands TLS."""
    recovers: bool = False
    """Whether a moment between two snapshots can be had back."""

    def shown(self, name: str) -> str:
        """Return what the API calls a log file."""
        return f"{self.shelves.get(name, 'error')}/{name}"


def _postgres_forces_tls(values: Mapping[str, str], version: str) -> bool:
    """`rds.force_ssl`, on from PostgreSQL 15."""
    default = "1" if int(version.split(".")[0]) >= 15 else "0"
    return values.get("rds.force_ssl", default) == "1"


_POSTGRES = Flavour(
    "postgres",
    "postgresql.log*",
    parameters.server_settings,
    _postgres_forces_tls,
    tls_setting="rds.force_ssl",
    recovers=True,
)
_FLAVOURS = {
    "mariadb": Flavour(
        "mariadb",
        "mysql-*.log",
        mariadb.server_settings,
        mariadb.forces_tls,
        {"mysql-slowquery.log": "slowquery", "mysql-general.log": "general"},
    )
}


def flavour(engine: str) -> Flavour:
    """Return the ways of an engine."""
    return _FLAVOURS.get(engine, _POSTGRES)
