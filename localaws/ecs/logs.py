"""Brings what containers write to CloudWatch Logs."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws import logs
from localaws.ecs.containers import CannotStart, Stream

if TYPE_CHECKING:
    from localaws.control import ControlPlane

PORTION = 1 << 20
"""Bytes that are read at once."""


class Forwarder:
    """Reads the containers' log files on, from where it was with each."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control

    def open(self, account_id: str, stream: Stream) -> None:
        """Begin a stream; CannotStart when its group does not exist and is not to be created."""
        backend = self._backend(account_id, stream)
        with self._control.lock:
            known = backend is not None and stream.group in backend.groups
        if not known and not stream.create:
            raise CannotStart(
                "ResourceInitializationError: failed to validate logger args: failed to create Cloudwatch "
                f"log stream: The log group {stream.group} does not exist."
            )
        self._control.settle(
            "logs", account_id, stream.region, "exported", group=stream.group, stream=stream.name
        )

    def forward(self, account_id: str, stream: Stream, path: Path, *, last: bool = False) -> None:
        """Send the whole lines that were added to a log; at the last time an unfinished one too."""
        with self._control.lock:
            backend = self._backend(account_id, stream)
            at = logs.positions(backend, stream.group, stream.name) if backend is not None else None
        if at is None:
            return
        former = path.with_name(f"{path.name}.1")
        for part in (former, path):
            with contextlib.suppress(FileNotFoundError):
                node = str(part.stat().st_ino)
                if part == former and node not in at:
                    continue  # it was sent before the server looked for the first time
                self._send(account_id, stream, part, at, node, last=last or part == former)

    def _send(
        self, account_id: str, stream: Stream, part: Path, at: dict[str, int], node: str, *, last: bool
    ) -> None:
        with part.open("rb") as file:
            file.seek(at.get(node, 0))
            while data := file.read(PORTION):
                whole = data if last else data[: data.rfind(b"\n") + 1]
                if not whole:
                    return
                at[node] = at.get(node, 0) + len(whole)
                file.seek(at[node])
                now = int(time.time() * 1000)
                events = [
                    {"timestamp": now, "message": line.decode(errors="replace") or " "}
                    for line in whole.splitlines()
                ]
                with self._control.lock:
                    logs.append(
                        self._backend(account_id, stream), stream.group, stream.name, dict(at), events
                    )
                    self._control.mark("logs")

    def _backend(self, account_id: str, stream: Stream) -> Any:
        found = self._control.backends("logs")
        return next(
            (each for account, region, each in found if (account, region) == (account_id, stream.region)),
            None,
        )
