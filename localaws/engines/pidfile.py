"""What a PostgreSQL server writes about itself in postmaster.pid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from localaws.engines.process import remove_shared_memory

NAME = "postmaster.pid"
STATUS_LINE = 7
SHARED_MEMORY_LINE = 6


@dataclass(frozen=True)
class PidFile:
    """The lines of a cluster's postmaster.pid that matter to us."""

    path: Path
    pid: int
    status: str
    segment: int | None

    @classmethod
    def read(cls, data: Path) -> PidFile | None:
        """Read a cluster's pid file; None when there is none, or only the beginning of one."""
        path = data / NAME
        try:
            lines = path.read_text().splitlines()
            pid = int(lines[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        memory = lines[SHARED_MEMORY_LINE].split() if len(lines) > SHARED_MEMORY_LINE else []
        status = lines[STATUS_LINE].strip() if len(lines) > STATUS_LINE else ""
        return cls(path, pid, status, int(memory[1]) if len(memory) == 2 else None)

    @property
    def ready(self) -> bool:
        """Whether the server accepts connections."""
        return self.status in ("ready", "standby")

    def forget(self) -> None:
        """Remove the file and the shared memory of a server that no longer runs."""
        if self.segment is not None:
            remove_shared_memory(self.segment)
        self.path.unlink(missing_ok=True)
