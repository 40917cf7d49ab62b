"""The account that things are killed in: how it is made, and whether it is in order."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from tests.localaws.conftest import LocalAws
from tests.localaws.fix_rds import PASSWORD, PublicNetwork
from tests.localaws.kills_load import Caller, Place, Writer, connect

DEADLINE = 90.0
"""Seconds within which order has to return by itself."""
DEAD_SECONDS = 10.0
"""How long an endpoint may be dead whose status says available: the machine may be slow."""
ALARM, PAGED = "kept", "a test of the pager"


class Lost(AssertionError):
    """Something acknowledged is gone, or order does not return."""


class Account:
    """A Multi-AZ instance with a replica, a single one, an Aurora cluster, a secret and an alarm."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.rds = aws.client("rds")
        self.secrets = aws.client("secretsmanager")
        self.cloudwatch = aws.client("cloudwatch")
        self.network = PublicNetwork(aws, "kills")
        self.passwords = {"lone": PASSWORD}
        self.stopped: set[str] = set()
        self.longest_dead = (0.0, "none")
        self._dead_since: dict[str, float] = {}
        self._create()
        self.writers = {name: Writer(self.place(name)) for name in ("pair", "aurora")}
        self.caller = Caller(aws)

    def _create(self) -> None:
        self.rds.create_db_instance(**self.network.request("pair", MultiAZ=True, BackupRetentionPeriod=1))
        self.rds.create_db_instance(**self.network.request("lone"))
        self.rds.create_db_cluster(
            DBClusterIdentifier="aurora",
            Engine="aurora-postgresql",
            MasterUsername="shop",
            MasterUserPassword=PASSWORD,
            DatabaseName="shop",
            DBSubnetGroupName=self.network.subnet_group,
            VpcSecurityGroupIds=[self.network.security_group],
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
        self.create_replica("replica")
        self._create_secret()
        self._create_alarm()
        self.settle()

    def create_replica(self, name: str) -> None:
        """Have another read replica of the Multi-AZ instance."""
        self.rds.create_db_instance_read_replica(
            DBInstanceIdentifier=name,
            SourceDBInstanceIdentifier="pair",
            PubliclyAccessible=True,
            VpcSecurityGroupIds=[self.network.security_group],
        )

    def _create_secret(self) -> None:
        host, port = self.place("pair")
        with connect((host, port)) as connection:
            connection.execute("create role app login password 'first-password'")
        facts = {"engine": "postgres", "host": host, "port": port, "dbname": "shop"}
        self.secrets.create_secret(
            Name="app", SecretString=json.dumps(facts | {"username": "app", "password": "first-password"})
        )

    def _create_alarm(self) -> None:
        """An alarm whose state only a call has set: nothing but memory can keep it."""
        self.cloudwatch.put_metric_alarm(
            AlarmName=ALARM,
            Namespace="Shop",
            MetricName="Orders",
            Statistic="Sum",
            Period=10,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="LessThanThreshold",
            TreatMissingData="ignore",
        )
        self.cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue="ALARM", StateReason=PAGED)

    # -- where things are

    def place(self, name: str) -> Place:
        """Address and port of an instance, or of a cluster's writer."""
        return _place(next(shown for each, shown in self._shown() if each == name))

    def _shown(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for shown in self.rds.describe_db_instances()["DBInstances"]:
            yield shown["DBInstanceIdentifier"], shown
        for shown in self.rds.describe_db_clusters()["DBClusters"]:
            yield shown["DBClusterIdentifier"], shown

    # -- order

    @property
    def loads(self) -> list[Writer | Caller]:
        """Who writes."""
        return [*self.writers.values(), self.caller]

    def settle(self) -> float:
        """Wait until everything is as it should be, and the writers write; seconds that took."""
        start = time.monotonic()
        self._dead_since.clear()
        counts = {name: len(each.acknowledged) for name, each in self._writing().items()}
        trouble = "nothing was looked at"
        while time.monotonic() - start < DEADLINE:
            try:
                trouble = self._trouble() or self._idle(counts)
            except (ClientError, BotoCoreError) as error:
                trouble = str(error)
                self._dead_since.clear()
            if not trouble:
                return time.monotonic() - start
            time.sleep(0.1)
        raise Lost(f"no order after {DEADLINE:.0f} s: {trouble}")

    def _writing(self) -> dict[str, Writer]:
        writers = getattr(self, "writers", {})
        return {name: each for name, each in writers.items() if each.is_alive() and name not in self.stopped}

    def _idle(self, counts: dict[str, int]) -> str:
        """Which writer has written nothing since."""
        idle = [name for name, each in self._writing().items() if len(each.acknowledged) <= counts[name]]
        return f"nothing can be written into {idle[0]}" if idle else ""

    def _trouble(self) -> str:
        found = ""
        for name, shown in self._shown():
            status = shown.get("DBInstanceStatus") or shown["Status"]
            wanted = "stopped" if self._is_stopped(name, shown) else "available"
            if status == "available" == wanted:
                found = self._dead(name, shown) or found
                continue
            self._dead_since.pop(name, None)
            if status != wanted:
                found = f"{name} is {status}"
        return found

    def _is_stopped(self, name: str, shown: dict[str, Any]) -> bool:
        return name in self.stopped or shown.get("DBClusterIdentifier") in self.stopped

    def _dead(self, name: str, shown: dict[str, Any]) -> str:
        """Why an endpoint does not answer whose status says that it does."""
        place = _place(shown)
        begin = time.monotonic()
        try:
            with connect(place, password=self.passwords.get(name, PASSWORD)) as connection:
                connection.execute("select 1")
        except psycopg.Error as error:
            dead = time.monotonic() - self._dead_since.setdefault(name, begin)
            self.longest_dead = max(self.longest_dead, (dead, f"{name}: {' '.join(str(error).split())}"))
            if dead > DEAD_SECONDS:
                raise Lost(f"{name} says available but is dead since {dead:.0f} s: {error}") from error
            return f"{name} says available but {error}"
        self._dead_since.pop(name, None)
        return ""

    def names(self) -> list[str]:
        """The instances and clusters that there are."""
        return [name for name, _ in self._shown()]


def _place(shown: dict[str, Any]) -> Place:
    endpoint = shown["Endpoint"]
    if isinstance(endpoint, str):
        return endpoint, shown["Port"]
    return endpoint["Address"], endpoint["Port"]
