"""EC2's operations: moto's, with a console that shows what really was written."""

from __future__ import annotations

import datetime
from pathlib import Path

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.ec2.responses import EC2Response

from localaws.hosts.process import tail

CONSOLE = 65536
"""Bytes of its end that GetConsoleOutput shows."""


class Console:
    """Where the output of an instance's user data is."""

    root: Path | None = None

    def of(self, instance_id: str) -> bytes:
        """Return the end of what an instance wrote."""
        return tail(self.root / f"host-{instance_id}" / "boot" / "output.log", CONSOLE) if self.root else b""


CONSOLES = Console()


class Ec2Response(EC2Response):
    """EC2's API."""

    def get_console_output(self) -> ActionResult:
        """GetConsoleOutput."""
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        written = CONSOLES.of(instance.id).decode(errors="replace")
        return ActionResult(
            {
                "InstanceId": instance.id,
                "Timestamp": datetime.datetime.now(datetime.UTC).replace(tzinfo=None),
                "Output": Base64EncodedString.from_raw_string(written),
            }
        )
