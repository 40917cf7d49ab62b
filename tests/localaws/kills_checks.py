"""What must be true after kills: nothing acknowledged is gone, nothing is left over."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path

import psutil

from localaws.state import StateDir
from tests.localaws.conftest import LocalAws
from tests.localaws.kills_account import ALARM, DEADLINE, PAGED, Account, Lost
from tests.localaws.kills_load import connect


class Checks:
    """Looks at rows, calls, files, processes and shared memory."""

    def __init__(self, aws: LocalAws, root: Path) -> None:
        self.aws = aws
        self.root = root
        self.segments = _segments()

    def rows(self, account: Account) -> int:
        """Every confirmed row is behind the endpoint of its writer, and comes to the read replica."""
        for name, writer in account.writers.items():
            lost = set(writer.acknowledged) - _found(account, name)
            if lost:
                raise Lost(f"{len(lost)} acknowledged rows are gone from {name}: {sorted(lost)[:10]}")
        deadline = time.monotonic() + DEADLINE
        while lost := set(account.writers["pair"].acknowledged) - _found(account, "replica"):
            if time.monotonic() > deadline:
                raise Lost(f"{len(lost)} rows do not come to the replica: {sorted(lost)[:10]}")
            time.sleep(0.2)
        return sum(len(writer.acknowledged) for writer in account.writers.values())

    def calls(self, account: Account) -> int:
        """Every call that was answered has left its trace."""
        missing = account.caller.acknowledged - account.caller.present()
        if missing:
            raise Lost(f"{len(missing)} acknowledged calls are gone: {sorted(missing)[:5]}")
        return len(account.caller.acknowledged)

    def alarm(self) -> None:
        """The alarm is as it was left."""
        shown = self.aws.client("cloudwatch").describe_alarms(AlarmNames=[ALARM])["MetricAlarms"][0]
        if (shown["StateValue"], shown["StateReason"]) != ("ALARM", PAGED):
            raise Lost(f"the alarm is {shown['StateValue']}: {shown['StateReason']}")

    def nothing_left(self) -> None:
        """Once all databases are deleted, only a spare cluster has files."""
        deadline = time.monotonic() + DEADLINE
        while left := [path.name for path in self.root.iterdir() if not path.name.startswith("spare-")]:
            if time.monotonic() > deadline:
                raise Lost(f"files are left: {sorted(left)}")
            time.sleep(0.2)
        state = StateDir.open(self.aws.state)
        sockets = [path.name for path in state.sockets_root.iterdir()]
        if sockets:
            raise Lost(f"folders of sockets are left: {sockets}")

    def no_processes(self, pids: set[int]) -> None:
        """After a stop no process and no shared memory of any server is left."""
        for process in psutil.process_iter(["pid", "cmdline", "status"]):
            words = " ".join(process.info["cmdline"] or [])
            if str(self.root) in words and process.info["status"] != "zombie":
                raise Lost(f"process {process.pid} is an orphan: {words}")
        leaked = {name for name, pid in _segments() - self.segments if pid in pids}
        if leaked:
            raise Lost(f"shared memory is left: {leaked}")


def complaints(log: str) -> Counter[str]:
    """The stack traces of a log, by what was raised."""
    found: Counter[str] = Counter()
    for block in log.split("Traceback (most recent call last):\n")[1:]:
        ending = re.search(r"^\S.*$", block, re.MULTILINE)
        if ending and "The above exception" not in ending.group():
            found[re.sub(r"\d+", "N", ending.group())[:150]] += 1
    return found


def _found(account: Account, name: str) -> set[int]:
    with connect(account.place(name)) as connection:
        return {n for (n,) in connection.execute("select n from beats")}


def _segments() -> set[tuple[str, int]]:
    """Shared memory: names and the processes that made or, for POSIX, may have made them."""
    try:
        lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    except OSError:
        return set()
    return {(words[1], int(words[4])) for words in map(str.split, lines)}
