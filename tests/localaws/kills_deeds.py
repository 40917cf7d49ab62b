"""What is under way when things are killed, and what the API has promised by accepting it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from botocore.exceptions import ClientError

from tests.localaws.kills_account import DEADLINE, Account, Lost
from tests.localaws.kills_load import connect

ROTATION = "arn:aws:lambda:us-east-1:123456789012:function:SecretsManagerRDSPostgreSQLRotationSingleUser"


def _nothing() -> None:
    """No promise."""


@dataclass
class Deed:
    """Something that has been begun; `makes` is the DbiResourceId of an instance that comes to be by it."""

    name: str
    makes: str = ""
    check: Callable[[], None] = _nothing


class Beginning:
    """Begins any of `all`."""

    all: Sequence[Callable[[], Deed]]

    def __init__(self, choice: random.Random) -> None:
        self.choice = choice
        self.serial = 0

    def begin(self) -> Deed:
        """Begin anything; everything is in order, so nothing may be refused."""
        self.serial += 1
        deed = self.choice.choice(self.all)
        try:
            return deed()
        except ClientError as error:
            raise Lost(f"refused although all was in order: {error}") from error


class Deeds(Beginning):
    """Begins things and clears away what they have made."""

    def __init__(self, account: Account, choice: random.Random) -> None:
        super().__init__(choice)
        self.account = account
        self.rds = account.rds
        self.all = [
            lambda: Deed("idle"),
            self._fail_over,
            self._fail_over_cluster,
            self._restore,
            self._restore_to,
            self._replicate,
            self._snapshot,
            self._snapshot_cluster,
            self._rotate,
            self._stop_or_start,
            self._stop_or_start_cluster,
            self._password,
            self._reboot,
        ]

    # -- changes of who leads

    def _fail_over(self) -> Deed:
        self.rds.reboot_db_instance(DBInstanceIdentifier="pair", ForceFailover=True)
        return Deed("failover")

    def _fail_over_cluster(self) -> Deed:
        if "aurora" in self.account.stopped:
            return Deed("idle")
        self.rds.failover_db_cluster(DBClusterIdentifier="aurora")
        return Deed("cluster failover")

    # -- new instances

    def _public(self) -> dict[str, object]:
        network = self.account.network
        return {
            "PubliclyAccessible": True,
            "DBSubnetGroupName": network.subnet_group,
            "VpcSecurityGroupIds": [network.security_group],
        }

    def _restore(self) -> Deed:
        """What was confirmed before the call has to be in a recovery to the latest time there is."""
        name, begin = f"restored-{self.serial}", time.time()
        made = self.rds.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier="pair",
            TargetDBInstanceIdentifier=name,
            UseLatestRestorableTime=True,
            **self._public(),
        )["DBInstance"]
        return Deed("recovery", made["DbiResourceId"], lambda: self._check_restored(name, begin, None))

    def _restore_to(self) -> Deed:
        """A recovery to a moment has what was confirmed before it, and nothing begun after it."""
        shown = self.rds.describe_db_instances(DBInstanceIdentifier="pair")["DBInstances"][0]
        name, moment = f"restored-{self.serial}", shown["LatestRestorableTime"]
        made = self.rds.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier="pair",
            TargetDBInstanceIdentifier=name,
            RestoreTime=moment,
            **self._public(),
        )["DBInstance"]
        at = moment.timestamp()
        return Deed("recovery to a time", made["DbiResourceId"], lambda: self._check_restored(name, at, at))

    def _check_restored(self, name: str, begin: float, end: float | None) -> None:
        writer = self.account.writers["pair"]
        with connect(self.account.place(name)) as connection:
            try:
                found = {n for (n,) in connection.execute("select n from beats")}
            except psycopg.errors.UndefinedTable:
                # the moment may be from before the writer's first word
                found = set()
        if lost := writer.until(begin) - found:
            raise Lost(f"{name} lacks {len(lost)} rows: {sorted(lost)[:10]}")
        if end is not None and (more := found & writer.after(end)):
            raise Lost(f"{name} has {len(more)} rows of later: {sorted(more)[:10]}")

    def _replicate(self) -> Deed:
        name = f"replica-{self.serial}"
        self.account.create_replica(name)
        shown = self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return Deed("replication", shown["DbiResourceId"])

    # -- copies

    def _snapshot(self) -> Deed:
        name = f"snapshot-{self.serial}"
        self.rds.create_db_snapshot(DBInstanceIdentifier="pair", DBSnapshotIdentifier=name)

        def look() -> str:
            found = self.rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
            return str(found[0]["Status"])

        return Deed("snapshot", check=lambda: self._is("available", look))

    def _snapshot_cluster(self) -> Deed:
        if "aurora" in self.account.stopped:
            return Deed("idle")
        name = f"snapshot-{self.serial}"
        self.rds.create_db_cluster_snapshot(DBClusterIdentifier="aurora", DBClusterSnapshotIdentifier=name)

        def look() -> str:
            found = self.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)
            return str(found["DBClusterSnapshots"][0]["Status"])

        return Deed("cluster snapshot", check=lambda: self._is("available", look))

    def _is(self, wanted: str, look: Callable[[], str]) -> None:
        deadline = time.monotonic() + DEADLINE
        while (found := look()) != wanted:
            if time.monotonic() > deadline or found == "failed":
                raise Lost(f"a snapshot is {found}")
            time.sleep(0.1)

    # -- single instances and passwords

    def _stop_or_start(self) -> Deed:
        if "lone" in self.account.stopped:
            self.account.stopped.discard("lone")
            self.rds.start_db_instance(DBInstanceIdentifier="lone")
            return Deed("start")
        self.account.stopped.add("lone")
        self.rds.stop_db_instance(DBInstanceIdentifier="lone")
        return Deed("stop")

    def _stop_or_start_cluster(self) -> Deed:
        if "aurora" in self.account.stopped:
            self.account.stopped.discard("aurora")
            self.rds.start_db_cluster(DBClusterIdentifier="aurora")
            return Deed("cluster start")
        self.account.stopped.add("aurora")
        self.rds.stop_db_cluster(DBClusterIdentifier="aurora")
        return Deed("cluster stop")

    def _password(self) -> Deed:
        if "lone" in self.account.stopped:
            return Deed("idle")
        password = f"correct-horse-{self.serial}"
        self.rds.modify_db_instance(
            DBInstanceIdentifier="lone", MasterUserPassword=password, ApplyImmediately=True
        )
        self.account.passwords["lone"] = password
        return Deed("change of password")

    def _reboot(self) -> Deed:
        if "lone" in self.account.stopped:
            return Deed("idle")
        self.rds.reboot_db_instance(DBInstanceIdentifier="lone")
        return Deed("reboot")

    def _rotate(self) -> Deed:
        secrets = self.account.secrets
        version = secrets.rotate_secret(SecretId="app", RotationLambdaARN=ROTATION)["VersionId"]
        return Deed("rotation", check=lambda: self.check_secret(version))

    def check_secret(self, version: str = "") -> None:
        """The rotation has to succeed, and the current version to log in."""
        deadline = time.monotonic() + DEADLINE
        while wrong := self._wrong_secret(version):
            if time.monotonic() > deadline:
                raise Lost(wrong)
            time.sleep(0.2)

    def _wrong_secret(self, version: str) -> str:
        value = self.account.secrets.get_secret_value(SecretId="app")
        if version and value["VersionId"] != version:
            return f"version {version} of the secret is not the current one"
        secret = json.loads(value["SecretString"])
        try:
            connect((secret["host"], secret["port"]), secret["username"], secret["password"]).close()
        except psycopg.OperationalError as error:
            return f"the current version of the secret does not log in: {error}"
        return ""

    # -- clearing away

    def tidy(self) -> None:
        """Delete what has been made, so that the account stays small."""
        for shown in self.rds.describe_db_instances()["DBInstances"]:
            name = shown["DBInstanceIdentifier"]
            if name.startswith(("restored-", "replica-")):
                self.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        for shown in self.rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]:
            self.rds.delete_db_snapshot(DBSnapshotIdentifier=shown["DBSnapshotIdentifier"])
        for shown in self.rds.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]:
            name = shown["DBClusterSnapshotIdentifier"]
            self.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
        deadline = time.monotonic() + DEADLINE
        while any("-" in name and "aurora" not in name for name in self.account.names()):
            if time.monotonic() > deadline:
                raise Lost(f"what was deleted is still there: {self.account.names()}")
            time.sleep(0.1)

    def wake(self) -> None:
        """Start what is stopped."""
        if "lone" in self.account.stopped:
            self._stop_or_start()
        if "aurora" in self.account.stopped:
            self._stop_or_start_cluster()

    def fail_over_all(self) -> None:
        """Have the standbys take over, so that their rows can be looked at."""
        self._fail_over()
        self._fail_over_cluster()

    def delete_all(self) -> None:
        """Delete everything that has files."""
        for name in ("replica", "lone", "pair", "aurora-1", "aurora-2"):
            self.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        self.rds.delete_db_cluster(DBClusterIdentifier="aurora", SkipFinalSnapshot=True)
        deadline = time.monotonic() + DEADLINE
        while left := self.account.names():
            if time.monotonic() > deadline:
                raise Lost(f"what was deleted is still there: {left}")
            time.sleep(0.1)
