"""What the RDS service knows of the process that hosts it; set once by `install`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localaws.control import ControlPlane


@dataclass
class Host:
    """The control plane behind the service; without one (a bare moto) there are no servers."""

    control: ControlPlane | None = None

    def replaying(self) -> bool:
        """Whether recorded calls are replayed: what they named is not held against today's machine."""
        return self.control is not None and self.control.replaying

    def folder(self, name: str) -> Path | None:
        """A folder of the engines."""
        return None if self.control is None else self.control.state.engines_root / name


HOST = Host()
