"""A seeded schedule of kills: whatever is killed whenever, nothing acknowledged is lost and order returns.

`python -m tests.localaws.kills --kills 200 --seed 1` makes the long run; `test_kills.py` a short one.

A Multi-AZ instance with a read replica, a single instance, an Aurora cluster, a rotated secret and an alarm
live under two writers and a caller of the API. The schedule kills with SIGKILL, often while a failover, a
recovery, a snapshot, a rotation or the like is under way. After each kill the account must come back by
itself, and what the API has promised must have happened; at the end everything acknowledged must be there,
and once all is deleted no process, shared memory or file may be left over.
"""

from __future__ import annotations

import time

from tests.localaws.conftest import LocalAws
from tests.localaws.kills_account import Account
from tests.localaws.kills_deeds import Deeds
from tests.localaws.kills_schedule import Schedule, command

VICTIMS = [
    *("server", "server", "primary", "primary", "primary", "standby", "standby", "worker"),
    *("two", "two", "both", "both", "copying", "keeper", "starting"),
]


class DatabaseSchedule(Schedule):
    """Instances and clusters under kills."""

    account: Account
    deeds: Deeds

    def __init__(self, aws: LocalAws, seed: int) -> None:
        super().__init__(aws, seed)
        self.account = Account(aws)
        self.deeds = Deeds(self.account, self.choice)

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
        deed.check()
        self.deeds.tidy()
        self.checks.alarm()
        return seconds

    def check_all(self) -> None:
        """Rows and calls, also after one more failover of everything, and that all can be deleted."""
        report, account = self.report, self.account
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


if __name__ == "__main__":
    command(DatabaseSchedule, "kills", __doc__, 200)
