"""A seeded schedule of kills: whatever is killed whenever, nothing acknowledged is lost and order returns.

`python -m tests.localaws.kills --kills 200 --seed 1` makes the long run; `test_kills.py` a short one.

A Multi-AZ instance with a read replica, a single instance, an Aurora cluster, a rotated secret and an alarm
live under two writers and a caller of the API. The schedule kills with SIGKILL, often while a failover, a
recovery, a snapshot, a rotation or the like is under way. After each kill the account must come back by
itself, and what the API has promised must have happened; at the end everything acknowledged must be there,
and once all is deleted no process, shared memory or file may be left over.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.localaws.conftest import LocalAws
from tests.localaws.kills_account import Account, Lost
from tests.localaws.kills_checks import Checks, complaints
from tests.localaws.kills_deeds import Deeds
from tests.localaws.kills_victims import Killer, Watcher

VICTIMS = [
    *("server", "server", "primary", "primary", "primary", "standby", "standby", "worker"),
    *("two", "two", "both", "both", "copying", "keeper", "starting"),
]


@dataclass
class Report:
    """What a run did and found."""

    kills: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    calls: int = 0
    slowest: float = 0.0
    longest_dead: tuple[float, str] = (0.0, "none")
    complaints: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        lines = [f"{count:4} {kind}" for kind, count in sorted(self.kills.items())]
        said = [f"{count:4} {kind}" for kind, count in self.complaints.most_common()]
        return "\n".join(
            [
                f"{self.kills.total()} kills; {self.rows} acknowledged rows and {self.calls} acknowledged "
                f"calls, none lost; slowest return to order {self.slowest:.1f} s; longest time that an "
                f"endpoint was dead behind available {self.longest_dead[0]:.1f} s ({self.longest_dead[1]})",
                *lines,
                f"{self.complaints.total()} stack traces in the log",
                *said,
            ]
        )


class Schedule:
    """One run of the schedule on a localaws of its own."""

    def __init__(self, aws: LocalAws, seed: int) -> None:
        self.aws = aws
        self.choice = random.Random(seed)
        self.report = Report()
        aws.start()
        self.killer = Killer(aws, self.choice)
        self.watcher = Watcher(self.killer.root)
        self.watcher.start()
        self.checks = Checks(aws, self.killer.root)
        self.account = Account(aws)
        self.deeds = Deeds(self.account, self.choice)

    def run(self, kills: int, tell: Callable[[str], None] = lambda _: None) -> Report:
        """Make the schedule and check the account after it."""
        loads = [*self.account.writers.values(), self.account.caller]
        for load in loads:
            load.start()
        self.account.settle()
        try:
            while self.killer.kills.total() < kills:
                seconds = self.step()
                tell(f"{self.killer.kills.total()}/{kills} {self.killer.doing}: order after {seconds:.1f} s")
        finally:
            for load in loads:
                load.finish()
        self.deeds.wake()
        self.account.settle()
        self._finish()
        return self.report

    def step(self) -> float:
        """Start something perhaps, kill something after a moment, and wait for order; seconds that took."""
        deed = self.deeds.begin()
        victims = [*VICTIMS, *["making"] * 8] if deed.makes else VICTIMS
        victim = self.choice.choice(victims)
        self.killer.doing = deed.name
        if victim != "making":
            time.sleep(self.choice.uniform(0.0, 0.6))
        self.killer.kill(victim, deed.makes)
        seconds = self.account.settle()
        self.report.slowest = max(self.report.slowest, seconds)
        deed.check()
        self.deeds.tidy()
        self.checks.alarm()
        return seconds

    def _finish(self) -> None:
        report, account = self.report, self.account
        report.kills = self.killer.kills
        report.longest_dead = account.longest_dead
        report.rows = self.checks.rows(account)
        report.calls = self.checks.calls(account)
        self.deeds.fail_over_all()
        account.settle()
        self.checks.rows(account)
        self.deeds.check_secret()
        self.deeds.delete_all()
        self.checks.nothing_left()
        self.watcher.finish()
        self.aws.stop()
        self.checks.no_processes(self.watcher.pids)
        report.complaints = complaints(self.aws.log())


class Runs(Protocol):
    """A schedule that can be run."""

    def run(self, kills: int, tell: Callable[[str], None]) -> Report:
        """Make it."""


def command(schedule: Callable[[LocalAws, int], Runs], module: str, about: str | None, kills: int) -> None:
    """Run a schedule as its command line says; exit 1 when something is lost."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.localaws.{module}", description=about)
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave everything there when something is lost")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    aws = LocalAws(folder / "state")
    try:
        print(schedule(aws, options.seed).run(options.kills, lambda line: print(line, flush=True)))
    except Lost as error:
        if options.keep:
            sys.exit(f"seed {options.seed}: {error}\nkept in {aws.state}")
        log = aws.log()[-6000:]
        aws.remove()
        sys.exit(f"{log}\nseed {options.seed}: {error}")
    except BaseException:
        aws.remove()
        raise
    aws.remove()


if __name__ == "__main__":
    command(Schedule, "kills", __doc__, 200)
