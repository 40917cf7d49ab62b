"""The schedule of kills in the services beside RDS.

`python -m tests.localaws.kills_services --kills 100 --seed 1`: the long run; `test_kills.py` a short one.

A DynamoDB table under transactions, S3 objects, management calls on a trail, a cache with a replica, a
migration under changes and a lake are there while the server, the cache's nodes and the databases are
killed. After each kill order must return, and what was begun must end as promised; in the end all that was
acknowledged is there, the migration's target is the source, and nothing is left once all is deleted.
"""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

from tests.localaws.conftest import LocalAws
from tests.localaws.kills_account import DEADLINE, Lost
from tests.localaws.kills_schedule import Schedule, command
from tests.localaws.kills_services_account import TRAIL_BUCKET, ServicesAccount
from tests.localaws.kills_services_deeds import ServiceDeeds, until
from tests.localaws.kills_services_load import BUCKET, ORDERS
from tests.localaws.kills_victims import Killer

SYSTEM_BACKUP, SYSTEM_DAYS = (ORDERS, "SYSTEM"), 35
VICTIMS = [*["server"] * 6, *["starting"] * 2, "keeper", *["valkey"] * 4, "valkeys", "primary", "both"]


class ServiceKiller(Killer):
    """Kills nodes of the cache too."""

    def _nodes(self) -> list[int]:
        return [int(each["pid"]) for each in self.aws.status()["engines"] if each["kind"] == "valkey"]

    def _valkey(self) -> None:
        """A node of the cache."""
        self._hit(self.choice.choice(self._nodes()), "node of the cache")

    def _valkeys(self) -> None:
        """All nodes of the cache, one soon after the other."""
        for pid in self._nodes():
            self._hit(pid, "node of the cache")
            self._pause(0.2)

    def _both(self) -> None:
        """A node of the cache, and the server while it deals with that."""
        self._valkey()
        self._pause(0.5)
        self._server()


class ServiceSchedule(Schedule):
    """The other services under kills."""

    account: ServicesAccount
    deeds: ServiceDeeds

    def __init__(self, aws: LocalAws, seed: int) -> None:
        super().__init__(aws, seed, ServiceKiller)
        self.account = ServicesAccount(aws)
        self.deeds = ServiceDeeds(self.account, self.choice)

    def step(self) -> float:
        """Start something, kill something after a moment, wait for order and for what was promised."""
        deed = self.deeds.begin()
        self.killer.doing = deed.name
        time.sleep(self.choice.choice([0.0, 0.02, 0.1, 0.5]))
        self.killer.kill(self.choice.choice(VICTIMS))
        seconds = self.account.settle()
        deed.check()
        return seconds

    def check_all(self) -> None:
        """What each load wrote, the trail, and that nothing is left of what is deleted."""
        report, account = self.report, self.account
        for load in account.loads:
            # the target follows the source a moment later
            deadline = time.monotonic() + DEADLINE
            while wrong := load.wrong():
                if time.monotonic() > deadline:
                    raise Lost(wrong)
                time.sleep(0.5)
            report.calls += len(load.acknowledged)
        report.rows = len(account.loads[-1].acknowledged)
        self._check_trail()
        self._delete_all()
        self.checks.nothing_left()
        self._check_files()
        self.watcher.finish()
        self.aws.run("onprem", "stop", check=False)

    def _check_trail(self) -> None:
        """Each acknowledged call comes to the trail's bucket, once."""
        caller = self.account.loads[2]

        def delivered() -> bool:
            found = self._delivered()
            if len(found) != len(set(found)):
                raise Lost("a call was delivered twice")
            return caller.acknowledged <= set(found)

        until(delivered, "acknowledged calls are not delivered to the trail")

    def _delivered(self) -> list[int]:
        found: list[int] = []
        s3 = self.account.s3
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=TRAIL_BUCKET):
            for each in page.get("Contents", []):
                if "/CloudTrail/" not in each["Key"]:
                    continue
                body = s3.get_object(Bucket=TRAIL_BUCKET, Key=each["Key"])["Body"].read()
                for event in json.loads(gzip.decompress(body) or b'{"Records": []}')["Records"]:
                    if event["eventName"] == "PutParameter" and "errorCode" not in event:
                        found.append(int(event["requestParameters"]["name"].rpartition("/")[2]))
        return found

    def _delete_all(self) -> None:
        account = self.account
        account.trail.delete_trail(Name="all")
        account.cache.delete_replication_group(ReplicationGroupId="sessions")
        account.scene.delete(account.task)
        account.scene.dms.delete_replication_instance(ReplicationInstanceArn=account.scene.instance)
        self.aws.client("rds").delete_db_instance(DBInstanceIdentifier="target", SkipFinalSnapshot=True)
        account.dynamodb.delete_table(TableName=ORDERS)
        for bucket in (BUCKET, TRAIL_BUCKET):
            for page in account.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
                if keys:
                    account.s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
            account.s3.delete_bucket(Bucket=bucket)
        until(lambda: self.aws.status()["engines"] == [], "engines are left")

    def _system_backup(self) -> str:
        """The backup that DynamoDB makes of a deleted table with recovery, and keeps for 35 days; its id."""

        def made() -> list[dict[str, Any]]:
            backups = self.account.dynamodb.list_backups(BackupType="ALL")["BackupSummaries"]
            if wrong := [
                each for each in backups if (each["TableName"], each["BackupType"]) != SYSTEM_BACKUP
            ]:
                raise Lost(f"backups are left: {wrong}")
            return [each for each in backups if each["BackupStatus"] == "AVAILABLE"]

        until(lambda: len(made()) == 1, "the deleted table has no backup of the system's")
        [backup] = made()
        kept = backup["BackupExpiryDateTime"] - backup["BackupCreationDateTime"]
        if kept.days != SYSTEM_DAYS:
            raise Lost(f"the system keeps a deleted table's backup for {kept}")
        return str(backup["BackupArn"]).rpartition("/")[2]

    def _check_files(self) -> None:
        """No byte of a deleted table, object or query is left, but for the system's backup."""
        backup = self._system_backup()

        def left() -> list[str]:
            places = ("objects", "dynamodb", "athena")
            found = [path for place in places for path in (self.aws.state / place).rglob("*")]
            # which transactions were begun is not of a table
            files = [path for path in found if path.is_file() and path.stem not in ("transactions", backup)]
            return [str(path.relative_to(self.aws.state)) for path in files]

        deadline = time.monotonic() + DEADLINE
        while files := left():
            if time.monotonic() > deadline:
                raise Lost(f"{len(files)} files are left: {files[:10]}")
            time.sleep(0.2)


if __name__ == "__main__":
    command(ServiceSchedule, "kills_services", __doc__, 100)
