"""What pg_control says of a cluster: its timeline, and the limits that a standby may not have smaller."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from localaws.engines import configuration
from localaws.engines.binaries import PostgresBinaries
from localaws.engines.process import EngineFailed, server_environment

LIMITS = {
    "max_connections": ("max_connections", 100),
    "max_worker_processes": ("max_worker_processes", 8),
    "max_wal_senders": ("max_wal_senders", 10),
    "max_prepared_transactions": ("max_prepared_xacts", 0),
    "max_locks_per_transaction": ("max_locks_per_xact", 64),
}
"""Settings that a standby may not have smaller: their names in pg_controldata's report, their defaults."""


@dataclass(frozen=True)
class ControlFile:
    """The facts of pg_control that matter to us."""

    timeline: int
    redo_file: str
    """The WAL file that a start without a backup label reads from."""
    limits: dict[str, int]
    at_rest: bool
    """Whether the server was stopped in order, or never ran."""

    @classmethod
    def read(cls, data: Path, binaries: PostgresBinaries) -> ControlFile:
        """Ask pg_controldata about a cluster, running or not."""
        done = subprocess.run(
            [binaries.program("pg_controldata"), data],
            capture_output=True,
            text=True,
            env=server_environment(),
            check=False,
        )
        if done.returncode != 0:
            raise EngineFailed(f"{data} is no database cluster: {done.stderr.strip()}")
        facts = dict(re.findall(r"^([^:]+):\s+(.*)$", done.stdout, re.MULTILINE))
        return cls(
            timeline=max(
                int(facts["Latest checkpoint's TimeLineID"]),
                # of a standby that has just been promoted only this one tells
                int(facts["Min recovery ending loc's timeline"]),
            ),
            redo_file=facts["Latest checkpoint's REDO WAL file"],
            at_rest=facts["Database cluster state"].startswith("shut down"),
            limits={name: int(facts[f"{label} setting"]) for name, (label, _) in LIMITS.items()},
        )


def floors(data: Path, binaries: PostgresBinaries) -> dict[str, int]:
    """Return the limits a standby has to start with: its own, or its source's where these are larger."""
    needed = ControlFile.read(data, binaries).limits
    return {
        name: max(needed[name], configuration.number(data, name, default))
        for name, (_, default) in LIMITS.items()
    }
