"""Servers of DB instances, found by their process ids; and clients that write while servers die."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from types import TracebackType
from typing import Any, Self

import psycopg

from . import fix_rds as fix

IN_SYNC = "in sync"


def engines(aws: Any, identifier: str) -> dict[str, dict[str, Any]]:
    """The servers of an instance as `localaws status` tells of them: `primary`, and perhaps `standby`."""
    path = aws.state / "engines.json"
    listed = json.loads(path.read_text()) if path.exists() else []
    names = {identifier: "primary", f"{identifier} (standby)": "standby"}
    return {names[each["name"]]: each for each in listed if each["name"] in names}


def kill(aws: Any, identifier: str, *roles: str) -> None:
    """Kill servers of an instance as an accident would."""
    found = engines(aws, identifier)
    for role in roles:
        os.kill(found[role]["pid"], signal.SIGKILL)


def in_sync(aws: Any, identifier: str) -> dict[str, dict[str, Any]]:
    """The servers of an instance once its standby holds every acknowledged commit."""
    found: dict[str, dict[str, Any]] = fix.eventually(
        lambda: engines(aws, identifier), lambda found: found.get("standby", {}).get("status") == IN_SYNC
    )
    return found


def messages(rds: Any, identifier: str) -> list[str]:
    """What the events of an instance say."""
    events = rds.describe_events(SourceType="db-instance", SourceIdentifier=identifier)["Events"]
    return [event["Message"] for event in events]


class Writer:
    """A client that commits one row after the other, and remembers what was acknowledged."""

    def __init__(self, aws: Any, shown: dict[str, Any], name: int = 0) -> None:
        self.acknowledged: list[int] = []
        self.refusals: list[str] = []
        self._aws, self._shown, self._name = aws, shown, name
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        with fix.connect(self._aws, self._shown) as session:
            session.execute("CREATE TABLE IF NOT EXISTS written (id bigint)")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        self._ending.set()
        self._thread.join(timeout=20)
        assert kind is not None or not self._thread.is_alive(), "a commit hangs"

    def _write(self) -> None:
        number = self._name * 1_000_000
        while not self._ending.is_set():
            try:
                with fix.connect(self._aws, self._shown, connect_timeout=5) as session:
                    while not self._ending.is_set():
                        number += 1
                        session.execute("INSERT INTO written VALUES (%s)", [number])
                        self.acknowledged.append(number)
                        time.sleep(0.002)
            except psycopg.OperationalError as error:
                self.refusals.append(str(error))
                time.sleep(0.01)

    def go_on(self, rows: int = 5) -> None:
        """Return when some more rows have been acknowledged."""
        wanted = len(self.acknowledged) + rows
        fix.eventually(lambda: len(self.acknowledged), lambda count: count >= wanted)

    def lost(self) -> set[int]:
        """Rows that were acknowledged and are not there."""
        with fix.connect(self._aws, self._shown) as session:
            there = {number for (number,) in session.execute("SELECT id FROM written")}
        return set(self.acknowledged) - there
