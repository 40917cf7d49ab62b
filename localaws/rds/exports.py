"""Logs of DB instances in CloudWatch Logs (Publishing PostgreSQL logs to Amazon CloudWatch Logs)."""

from __future__ import annotations

import calendar
import logging
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws import logs
from localaws.bridge import backends
from localaws.rds.measures import leading

if TYPE_CHECKING:
    from localaws.control import ControlPlane

log = logging.getLogger(__name__)

KIND = "postgresql"
PORTION, BACKLOG = 1 << 20, 8 << 20
"""Bytes that one look reads of a file; of a file that is further behind, the middle is left out."""
_BEGIN = re.compile(rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC:")


@dataclass(frozen=True)
class Export:
    """A log stream, and the folders of the server's log files that it is made of."""

    account_id: str
    region: str
    group: str
    stream: str
    folders: tuple[Path, ...]


class LogExports:
    """Follows the log files of the instances that export them, at each tick of the sampler."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control

    def tick(self, _: int) -> None:
        """Bring what the servers have logged since the last tick into the model."""
        for export in self._exports():
            try:
                self._follow(export)
            except OSError as error:
                log.warning("the log of %s cannot be read: %s", export.stream, error)

    def _exports(self) -> list[Export]:
        root = self._control.state.engines_root
        with self._control.lock:
            return [
                _export(account, region, instance, root)
                for account, region, backend in self._control.backends("rds")
                for instance in backend.databases.values()
                if KIND in (instance.enabled_cloudwatch_logs_exports or ())
            ]

    def _follow(self, export: Export) -> None:
        files = {
            f"{folder.parent.name}/{path.name}": path
            for folder in export.folders
            for path in sorted(folder.glob("postgresql.log.*"))
        }
        if not files:
            return
        known = self._positions(export)
        new = {name: path for name, path in files.items() if path.stat().st_size > known.get(name, 0)}
        if not new:
            return
        reached = {name: place for name, place in known.items() if name in files}
        events = []
        for name, path in new.items():
            found, reached[name] = read(path, known.get(name, 0))
            events += found
        with self._control.lock:
            if logs.append(self._backend(export), export.group, export.stream, reached, events):
                self._control.mark("logs")

    def _positions(self, export: Export) -> dict[str, int]:
        with self._control.lock:
            known = logs.positions(self._backend(export), export.group, export.stream)
        if known is None:
            names = {"group": export.group, "stream": export.stream}
            self._control.settle("logs", export.account_id, export.region, "exported", **names)
        return known or {}

    def _backend(self, export: Export) -> Any:
        return backends.load("logs")[export.account_id][export.region]


def _export(account: str, region: str, instance: Any, root: Path) -> Export:
    name = f"postgres-{instance.dbi_resource_id}"
    follows = bool(instance.is_replica or instance.db_cluster_identifier)
    homes = leading((root / name, root / f"{name}-b"), follows=follows)
    kind, owner = "instance", instance.db_instance_identifier
    if instance.db_cluster_identifier:
        kind, owner = "cluster", instance.db_cluster_identifier
    return Export(
        account_id=account,
        region=region,
        group=f"/aws/rds/{kind}/{owner}/{KIND}",
        stream=f"{instance.db_instance_identifier}.0",
        folders=tuple(home / "log" for home in homes),
    )


def read(path: Path, start: int) -> tuple[list[dict[str, Any]], int]:
    """The events that a log file holds from a position on, and the position behind them.

    A line that does not begin with a time goes on with the event before it.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size - start > BACKLOG:
            start = size - PORTION
        file.seek(start)
        data = file.read(PORTION)
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and len(data) == PORTION:
        whole = data
    return list(_events(whole.splitlines())), start + len(whole)


def _events(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in lines:
        text = line.decode("utf-8", "replace")
        begin = _BEGIN.match(line)
        if begin is None and found:
            found[-1]["message"] += f"\n{text}"
            continue
        found.append({"timestamp": _milliseconds(begin), "message": text})
    return found


def _milliseconds(begin: re.Match[bytes] | None) -> int:
    if begin is None:
        return int(time.time() * 1000)
    return calendar.timegm(time.strptime(begin[1].decode(), "%Y-%m-%d %H:%M:%S")) * 1000
