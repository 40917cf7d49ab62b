"""What CloudTrail knows of the process that hosts it: the control plane with its recorder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localaws.cloudtrail.recorder import Recorder
    from localaws.control import ControlPlane


@dataclass
class Host:
    """The control plane behind the service; None in a bare moto, where nothing is recorded."""

    control: ControlPlane | None = None

    @property
    def recorder(self) -> Recorder | None:
        """The account's recorder."""
        return self.control.trail if self.control is not None else None


HOST = Host()
