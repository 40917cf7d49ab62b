"""What is killed, always with SIGKILL: the server of localaws, its keeper, engines and their processes."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil

from localaws.state import StateDir
from tests.localaws.conftest import LocalAws
from tests.localaws.kills_load import Load

PATIENCE = 4.0
"""Seconds to wait for a moment that is to be hit."""


class Watcher(Load):
    """Notes the process id of every postmaster that appears: their shared memory has to go with them."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.pids: set[int] = set()

    def run(self) -> None:
        """Look until it is over."""
        while not self.over.wait(0.05):
            for pids in postmasters(self.root).values():
                self.pids.update(pids)


def postmasters(root: Path, pattern: str = "*") -> dict[str, list[int]]:
    """The running postmasters, as primaries and standbys, judged by their own files."""
    found: dict[str, list[int]] = {"primary": [], "standby": []}
    for file in root.glob(f"{pattern}/data/postmaster.pid"):
        with suppress(OSError, ValueError, IndexError):
            pid = int(file.read_text().splitlines()[0])
            follows = (file.parent / "standby.signal").exists()
            if psutil.pid_exists(pid):
                found["standby" if follows else "primary"].append(pid)
    return {kind: sorted(pids) for kind, pids in found.items()}


class Killer:
    """Kills by name, and counts the kills that hit something."""

    def __init__(self, aws: LocalAws, choice: random.Random) -> None:
        self.aws = aws
        self.choice = choice
        self.root = StateDir.open(aws.state).engines_root
        self.kills: Counter[str] = Counter()
        self.doing = "idle"

    def kill(self, victim: str, target: str = "") -> None:
        """Kill `victim`; `target` is the DbiResourceId of an instance that is being made."""
        if victim == "making":
            self._making(target)
        else:
            getattr(self, f"_{victim}")()

    def _hit(self, pid: int, name: str) -> bool:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.kills[f"{name} while {self.doing}"] += 1
        return True

    def _facts(self) -> dict[str, int]:
        facts: dict[str, int] = json.loads((self.aws.state / "server.json").read_text())
        return facts

    def _pause(self, most: float) -> None:
        time.sleep(self.choice.uniform(0.0, most))

    # -- localaws itself

    def _server(self) -> None:
        self._hit(self._facts()["pid"], "server")
        time.sleep(self.choice.choice([0.0, 0.2, 1.0]))
        self.aws.start()

    def _starting(self) -> None:
        """The server, and the next one while it starts."""
        first = self._facts()["pid"]
        self._hit(first, "server")
        start = threading.Thread(target=lambda: self.aws.run("start", check=False))
        start.start()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(OSError, ValueError):
                if (pid := self._facts()["pid"]) != first:
                    self._pause(1.5)
                    self._hit(pid, "starting server")
                    break
            time.sleep(0.01)
        start.join()
        self.aws.start()

    def _keeper(self) -> None:
        """The keeper, then the server: nobody ends the engines until the next start."""
        facts = self._facts()
        self._hit(facts["keeper"], "keeper")
        self._pause(0.5)
        self._hit(facts["pid"], "server without keeper")
        self._pause(0.5)
        self.aws.start()

    # -- engines

    def _engine(self, kind: str) -> None:
        pids = postmasters(self.root)[kind]
        if pids:
            self._hit(self.choice.choice(pids), kind)

    def _primary(self) -> None:
        self._engine("primary")

    def _standby(self) -> None:
        self._engine("standby")

    def _two(self) -> None:
        """Two engines, one soon after the other."""
        for kind in self.choice.choice(
            [("primary", "standby"), ("primary", "primary"), ("standby", "primary")]
        ):
            self._engine(kind)
            self._pause(0.3)

    def _both(self) -> None:
        """An engine, and the server while it deals with that."""
        self._engine(self.choice.choice(["primary", "standby"]))
        self._pause(0.5)
        self._server()

    def _worker(self) -> None:
        """A process of an engine's, a session or one in the background: the engine restarts by itself."""
        pids = [pid for found in postmasters(self.root).values() for pid in found]
        with suppress(psutil.Error, IndexError):
            children = psutil.Process(self.choice.choice(pids)).children()
            self._hit(self.choice.choice(children).pid, "process of an engine")

    def _copying(self) -> None:
        """A primary, and another engine while a standby is made anew for it."""
        self._engine("primary")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not any(self.root.glob("*/data.unfinished")):
            time.sleep(0.002)
        self._pause(0.1)
        kind = self.choice.choice(["primary", "standby"])
        pids = postmasters(self.root)[kind]
        if pids:
            self._hit(self.choice.choice(pids), f"{kind} during a copy")

    def _making(self, resource_id: str) -> None:
        """The server of an instance that is just being made."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            pids = postmasters(self.root, f"postgres-{resource_id}*")
            if any(pids.values()):
                self._pause(0.3)
                self._hit((pids["primary"] + pids["standby"])[0], "server being made")
                return
            time.sleep(0.002)
