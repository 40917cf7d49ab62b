"""What the schedules of kills have in common: their run, their report and their command line."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.localaws.conftest import LocalAws
from tests.localaws.kills_account import Lost
from tests.localaws.kills_checks import Checks, complaints
from tests.localaws.kills_victims import Killer, Watcher


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


class Load(Protocol):
    """A thread that writes, and remembers what was acknowledged."""

    def start(self) -> None:
        """Begin."""

    def finish(self) -> None:
        """End, and wait for the end."""


class Lived(Protocol):
    """An account under loads."""

    @property
    def loads(self) -> Sequence[Load]:
        """Who writes."""

    def settle(self) -> float:
        """Wait until everything is as it should be; seconds that took."""


class Waking(Protocol):
    """Deeds that may have put something to sleep."""

    def wake(self) -> None:
        """Start what was stopped."""


class Schedule(ABC):
    """One run of a schedule on a localaws of its own; who inherits makes `account` and `deeds`."""

    account: Lived
    deeds: Waking

    def __init__(self, aws: LocalAws, seed: int, killer: type[Killer] = Killer) -> None:
        self.aws = aws
        self.choice = random.Random(seed)
        self.report = Report()
        aws.start()
        self.killer = killer(aws, self.choice)
        self.watcher = Watcher(self.killer.root)
        self.watcher.start()
        self.checks = Checks(aws, self.killer.root)

    @abstractmethod
    def step(self) -> float:
        """Begin something, kill something after a moment, and wait for order; seconds that took."""

    @abstractmethod
    def check_all(self) -> None:
        """Look for everything that was acknowledged, delete it all, and look for what is left."""

    def run(self, kills: int, tell: Callable[[str], None] = lambda _: None) -> Report:
        """Make the schedule and check the account after it."""
        loads = self.account.loads
        for load in loads:
            load.start()
        self.account.settle()
        try:
            while self.killer.kills.total() < kills:
                seconds = self.step()
                self.report.slowest = max(self.report.slowest, seconds)
                tell(f"{self.killer.kills.total()}/{kills} {self.killer.doing}: order after {seconds:.1f} s")
        finally:
            for load in loads:
                load.finish()
        self.deeds.wake()
        self.account.settle()
        self.report.kills = self.killer.kills
        self.check_all()
        self.aws.stop()
        self.checks.no_processes(self.watcher.pids)
        self.report.complaints = complaints(self.aws.log())
        return self.report


def command(
    schedule: Callable[[LocalAws, int], Schedule], module: str, about: str | None, kills: int
) -> None:
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
