"""A seeded schedule of kills: whatever is killed whenever, nothing acknowledged is lost and order returns.

`python -m tests.localaws.kills --kills 200 --seed 1` makes the long run; `test_kills.py` a short one.

A Multi-AZ instance with a read replica, an Aurora cluster and a rotated secret live under two writers and
a caller of the API. The schedule kills the server of localaws, a primary or a standby with SIGKILL, often while
a failover, a point-in-time restore, a snapshot or a rotation is under way. After each kill the account must come
back by itself; at the end everything acknowledged must be there, and no process or shared memory left over.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from localaws.state import StateDir
from tests.localaws.conftest import LocalAws
from tests.localaws.fix_rds import PASSWORD, PublicNetwork
from tests.localaws.kills_load import Caller, Writer

DEADLINE = 90.0
ROTATION = "arn:aws:lambda:us-east-1:123456789012:function:SecretsManagerRDSPostgreSQLRotationSingleUser"


class Lost(AssertionError):
    """Something acknowledged is gone, or order does not return."""


@dataclass
class Report:
    """What a run did and found."""

    kills: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    calls: int = 0
    slowest: float = 0.0

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills ({kinds}); {self.rows} acknowledged rows and {self.calls} "
            f"acknowledged calls, none lost; slowest return to order {self.slowest:.1f} s"
        )


class Schedule:
    """One run of the schedule on a localaws of its own."""

    def __init__(self, aws: LocalAws, seed: int) -> None:
        self.aws = aws
        self.choice = random.Random(seed)
        self.report = Report()
        self.segments_before = _segments()
        self.pids: set[int] = set()
        self.serial = 0
        aws.start()
        self.root = StateDir.open(aws.state).engines_root
        self.rds = aws.client("rds")
        self.secrets = aws.client("secretsmanager")
        self._build()
        self.writers = [Writer(aws, self._endpoint("pair")), Writer(aws, self._cluster_endpoint())]
        self.caller = Caller(aws)

    # -- the account

    def _build(self) -> None:
        network = self.network = PublicNetwork(self.aws, "kills")
        self.rds.create_db_instance(**network.request("pair", MultiAZ=True, BackupRetentionPeriod=1))
        self.rds.create_db_cluster(
            DBClusterIdentifier="aurora",
            Engine="aurora-postgresql",
            MasterUsername="shop",
            MasterUserPassword=PASSWORD,
            DatabaseName="shop",
            DBSubnetGroupName=network.subnet_group,
            VpcSecurityGroupIds=[network.security_group],
        )
        for name in ("aurora-1", "aurora-2"):
            self.rds.create_db_instance(
                DBInstanceIdentifier=name,
                DBClusterIdentifier="aurora",
                Engine="aurora-postgresql",
                DBInstanceClass="db.r6g.large",
                PubliclyAccessible=True,
            )
        self.settle()
        self.rds.create_db_instance_read_replica(
            DBInstanceIdentifier="replica",
            SourceDBInstanceIdentifier="pair",
            PubliclyAccessible=True,
            VpcSecurityGroupIds=[self.network.security_group],
        )
        with self._connect(self._endpoint("pair"), "shop", PASSWORD) as connection:
            connection.execute("create role app login password 'first-password'")
        host, port = self._endpoint("pair")
        facts = {"engine": "postgres", "host": host, "port": port, "dbname": "shop"}
        self.secrets.create_secret(
            Name="app", SecretString=json.dumps(facts | {"username": "app", "password": "first-password"})
        )
        self.settle()

    def _endpoint(self, name: str) -> tuple[str, int]:
        shown = self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["Endpoint"]
        return shown["Address"], shown["Port"]

    def _cluster_endpoint(self) -> tuple[str, int]:
        shown = self.rds.describe_db_clusters(DBClusterIdentifier="aurora")["DBClusters"][0]
        return shown["Endpoint"], shown["Port"]

    def _connect(self, place: tuple[str, int], user: str, password: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=place[0],
            port=place[1],
            user=user,
            password=password,
            dbname="shop",
            sslmode="require",
            autocommit=True,
            connect_timeout=5,
        )

    # -- order

    def settle(self) -> float:
        """Wait until everything is available and answers; seconds that took."""
        start = time.monotonic()
        trouble = "nothing was looked at"
        while time.monotonic() - start < DEADLINE:
            with suppress(ClientError, BotoCoreError):
                trouble = self._trouble()
                if not trouble:
                    return time.monotonic() - start
            time.sleep(0.1)
        raise Lost(f"no order after {DEADLINE:.0f} s: {trouble}\n{self.aws.log()[-6000:]}")

    def _trouble(self) -> str:
        clusters = self.rds.describe_db_clusters()["DBClusters"]
        for shown in [*self.rds.describe_db_instances()["DBInstances"], *clusters]:
            name = shown.get("DBInstanceIdentifier") or shown["DBClusterIdentifier"]
            status = shown.get("DBInstanceStatus") or shown["Status"]
            if status != "available":
                return f"{name} is {status}"
            endpoint = shown["Endpoint"]
            place = (shown["Endpoint"], shown["Port"]) if isinstance(endpoint, str) else self._endpoint(name)
            if wrong := self._dead(place):
                return f"{name} says available but {place} {wrong}"
        return ""

    def _dead(self, place: tuple[str, int]) -> str:
        """Why an endpoint does not answer; a failover may be under way, so a second look counts."""
        for pause in (0.5, 0.0):
            try:
                self._connect(place, "shop", PASSWORD).close()
                return ""
            except psycopg.OperationalError as error:
                wrong = str(error)
            time.sleep(pause)
        return wrong

    # -- kills

    def servers(self) -> dict[str, list[int]]:
        """The postmasters by kind: primary, standby, reader and so on, judged by their own files."""
        found: dict[str, list[int]] = {"primary": [], "standby": []}
        for file in self.root.glob("*/data/postmaster.pid"):
            with suppress(OSError, ValueError, IndexError):
                pid = int(file.read_text().splitlines()[0])
                follows = (file.parent / "standby.signal").exists()
                if psutil.pid_exists(pid):
                    found["standby" if follows else "primary"].append(pid)
                    self.pids.add(pid)
        return {kind: sorted(pids) for kind, pids in found.items()}

    def _kill_server(self) -> None:
        pid = json.loads((self.aws.state / "server.json").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        time.sleep(self.choice.choice([0.0, 0.2, 1.0]))
        self.aws.start()

    def _kill_engine(self, kind: str) -> None:
        pids = self.servers()[kind]
        if pids:
            with suppress(ProcessLookupError):
                os.kill(self.choice.choice(pids), signal.SIGKILL)

    # -- what may be under way

    def _fail_over(self) -> None:
        self.rds.reboot_db_instance(DBInstanceIdentifier="pair", ForceFailover=True)

    def _fail_over_cluster(self) -> None:
        self.rds.failover_db_cluster(DBClusterIdentifier="aurora")

    def _restore(self) -> None:
        self.rds.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier="pair",
            TargetDBInstanceIdentifier=f"restored-{self.serial}",
            UseLatestRestorableTime=True,
            PubliclyAccessible=True,
            DBSubnetGroupName=self.network.subnet_group,
            VpcSecurityGroupIds=[self.network.security_group],
        )

    def _snapshot(self) -> None:
        self.rds.create_db_snapshot(
            DBInstanceIdentifier="pair", DBSnapshotIdentifier=f"snapshot-{self.serial}"
        )

    def _rotate(self) -> None:
        self.secrets.rotate_secret(SecretId="app", RotationLambdaARN=ROTATION)

    def step(self) -> None:
        """Start something perhaps, kill something after a moment, and wait for order."""
        self.serial += 1
        begin = self.choice.choice(
            [None, self._fail_over, self._fail_over_cluster, self._restore, self._snapshot, self._rotate]
        )
        if begin is not None:
            with suppress(ClientError):
                begin()
        time.sleep(self.choice.uniform(0.0, 0.6))
        victim = self.choice.choice(["server", "primary", "primary", "standby"])
        doing = begin.__name__.strip("_") if begin else "idle"
        self.report.kills[f"{victim} while {doing}"] += 1
        if victim == "server":
            self._kill_server()
        else:
            self._kill_engine(victim)
        self.report.slowest = max(self.report.slowest, self.settle())
        self._tidy()

    def _tidy(self) -> None:
        """Delete what a restore or a snapshot has made, so that the account stays small."""
        for shown in self.rds.describe_db_instances()["DBInstances"]:
            name = shown["DBInstanceIdentifier"]
            if name.startswith("restored-"):
                self._check_rows(self._endpoint(name), complete=False)
                self.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        for shown in self.rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]:
            if shown["Status"] in ("available", "failed"):
                self.rds.delete_db_snapshot(DBSnapshotIdentifier=shown["DBSnapshotIdentifier"])

    # -- the end

    def run(self, kills: int, tell: Callable[[str], None] = lambda _: None) -> Report:
        """Make the schedule and check the account after it."""
        for load in (*self.writers, self.caller):
            load.start()
        try:
            while self.report.kills.total() < kills:
                self.step()
                tell(f"{self.report.kills.total()}/{kills} {list(self.report.kills)[-1]}")
        finally:
            for load in (*self.writers, self.caller):
                load.finish()
        self.settle()
        self._check()
        return self.report

    def _check(self) -> None:
        for writer in self.writers:
            self.report.rows += self._check_rows(
                writer.place, complete=True, acknowledged=writer.acknowledged
            )
        missing = self.caller.acknowledged - self.caller.present()
        if missing:
            raise Lost(f"{len(missing)} acknowledged calls are gone: {sorted(missing)[:5]}")
        self.report.calls = len(self.caller.acknowledged)
        self._check_secret()
        self.servers()
        self.aws.stop()
        self._check_processes()

    def _check_rows(
        self, place: tuple[str, int], *, complete: bool, acknowledged: set[int] | None = None
    ) -> int:
        with self._connect(place, "shop", PASSWORD) as connection:
            found = {n for (n,) in connection.execute("select n from beats")} if complete else set()
            if not complete:
                connection.execute("select 1")
        lost = (acknowledged or set()) - found if complete else set()
        if lost:
            raise Lost(f"{len(lost)} acknowledged rows are gone from {place}: {sorted(lost)[:10]}")
        return len(acknowledged or ())

    def _check_secret(self) -> None:
        deadline = time.monotonic() + DEADLINE
        while True:
            secret = json.loads(self.secrets.get_secret_value(SecretId="app")["SecretString"])
            try:
                self._connect(
                    (secret["host"], secret["port"]), secret["username"], secret["password"]
                ).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise Lost(f"the current version of the secret does not log in: {error}") from error
            time.sleep(0.5)

    def _check_processes(self) -> None:
        for process in psutil.process_iter(["pid", "cmdline", "status"]):
            words = " ".join(process.info["cmdline"] or [])
            if str(self.root) in words and process.info["status"] != "zombie":
                raise Lost(f"process {process.pid} is an orphan: {words}")
        leaked = {number for number, pid in (_segments() - self.segments_before) if pid in self.pids}
        if leaked:
            raise Lost(f"shared memory segments are left: {leaked}")


def _segments() -> set[tuple[int, int]]:
    """System V shared memory: identifiers and the processes that made them."""
    try:
        lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    except OSError:
        return set()
    return {(int(words[1]), int(words[4])) for words in map(str.split, lines)}


def main() -> None:
    """Run the schedule; exit 1 when something is lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.localaws.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        aws = LocalAws(Path(folder) / "state")
        try:
            print(Schedule(aws, options.seed).run(options.kills, lambda line: print(line, flush=True)))
        except Lost as error:
            sys.exit(f"seed {options.seed}: {error}")
        finally:
            aws.remove()


if __name__ == "__main__":
    main()
