"""What is under way in the other services when things are killed, and what was promised by accepting it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from botocore.exceptions import ClientError

from tests.localaws.kills_account import DEADLINE, Lost
from tests.localaws.kills_deeds import Beginning, Deed
from tests.localaws.kills_services_account import CLICKS, ServicesAccount
from tests.localaws.kills_services_load import BUCKET, ORDERS


def until(condition: Callable[[], bool], trouble: str) -> None:
    """Wait for something that was promised."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise Lost(trouble)
        time.sleep(0.1)


class ServiceDeeds(Beginning):
    """Begins things, and clears away what they have made when they were looked at."""

    def __init__(self, account: ServicesAccount, choice: random.Random) -> None:
        super().__init__(choice)
        self.account = account
        self.dynamodb = account.dynamodb
        self.all = [
            lambda: Deed("idle"),
            self._back_up,
            self._recover,
            self._expire,
            self._add_index,
            self._query,
            self._query,
            self._create_as,
            self._fail_over,
            self._stop_or_resume,
            self._stop_or_resume,
            self._reload,
        ]

    # -- tables

    def _acknowledged(self) -> set[int]:
        return set(self.account.loads[0].acknowledged)

    def _status(self, table: str) -> str:
        try:
            return str(self.dynamodb.describe_table(TableName=table)["Table"]["TableStatus"])
        except ClientError as error:
            return str(error.response["Error"]["Code"])

    def _orders(self, table: str) -> set[int]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table)
        items = [item for page in pages for item in page["Items"]]
        orders = {int(item["n"]["N"]) for item in items if "n" in item}
        total = next((int(item["counted"]["N"]) for item in items if "counted" in item), 0)
        if total != len(orders):
            raise Lost(f"{table} has {len(orders)} orders, of which {total} were counted")
        return orders

    def _check_copy(self, table: str, wanted: set[int]) -> None:
        until(lambda: self._status(table) == "ACTIVE", f"{table} is {self._status(table)}")
        if lost := wanted - self._orders(table):
            raise Lost(f"{table} lacks {len(lost)} orders: {sorted(lost)[:10]}")
        self.dynamodb.delete_table(TableName=table)
        until(lambda: self._status(table) == "ResourceNotFoundException", f"{table} is not deleted")

    def _back_up(self) -> Deed:
        """What was acknowledged before the backup is in what is restored from it."""
        wanted, name = self._acknowledged(), f"copy-{self.serial}"
        arn = self.dynamodb.create_backup(TableName=ORDERS, BackupName=name)["BackupDetails"]["BackupArn"]

        def check() -> None:
            def available() -> bool:
                shown = self.dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]
                return bool(shown["BackupDetails"]["BackupStatus"] == "AVAILABLE")

            until(available, "a backup does not become available")
            self.dynamodb.restore_table_from_backup(TargetTableName=name, BackupArn=arn)
            self._check_copy(name, wanted)
            self.dynamodb.delete_backup(BackupArn=arn)

        return Deed("backup of a table", check=check)

    def _recover(self) -> Deed:
        wanted, name = self._acknowledged(), f"recovered-{self.serial}"
        self.dynamodb.restore_table_to_point_in_time(
            SourceTableName=ORDERS, TargetTableName=name, UseLatestRestorableTime=True
        )
        return Deed("recovery of a table", check=lambda: self._check_copy(name, wanted))

    def _expire(self) -> Deed:
        names = [f"expired-{self.serial}-{number}" for number in range(5)]
        past = str(int(time.time()) - 10)
        for name in names:
            self.dynamodb.put_item(TableName=ORDERS, Item={"id": {"S": name}, "expires": {"N": past}})

        def gone() -> bool:
            found = [self.dynamodb.get_item(TableName=ORDERS, Key={"id": {"S": name}}) for name in names]
            return not any("Item" in each for each in found)

        return Deed("expiry", check=lambda: until(gone, "expired items are not deleted"))

    def _add_index(self) -> Deed:
        """A new index comes to have what the table has."""
        create = {
            "IndexName": "by-number",
            "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
        self.dynamodb.update_table(
            TableName=ORDERS,
            AttributeDefinitions=[{"AttributeName": "n", "AttributeType": "N"}],
            GlobalSecondaryIndexUpdates=[{"Create": create}],
        )

        def check() -> None:
            until(lambda: self._indexes().get("by-number") == "ACTIVE", "an index does not become active")
            wanted = self._acknowledged()
            pages = self.dynamodb.get_paginator("scan").paginate(TableName=ORDERS, IndexName="by-number")
            found = {int(item["n"]["N"]) for page in pages for item in page["Items"]}
            if lost := wanted - found:
                raise Lost(f"the new index lacks {sorted(lost)[:10]}")
            drop = {"Delete": {"IndexName": "by-number"}}
            self.dynamodb.update_table(TableName=ORDERS, GlobalSecondaryIndexUpdates=[drop])
            until(lambda: "by-number" not in self._indexes(), "an index is not deleted")

        return Deed("new index", check=check)

    def _indexes(self) -> dict[str, str]:
        shown = self.dynamodb.describe_table(TableName=ORDERS)["Table"]
        return {each["IndexName"]: each["IndexStatus"] for each in shown.get("GlobalSecondaryIndexes", [])}

    # -- the lake

    def _query(self) -> Deed:
        identifier = self.account.begin_query(
            "select count(*) from lake.clicks a join lake.clicks b on a.page = b.page"
        )

        def check() -> None:
            if (state := self.account.query_ended(identifier)) != "SUCCEEDED":
                raise Lost(f"a query {state}")
            found = self.account.results(identifier)
            if found != [[str(CLICKS * CLICKS // 10)]]:
                raise Lost(f"a query found {found}")

        return Deed("query", check=check)

    def _create_as(self) -> Deed:
        table = f"lake.made_{self.serial}"
        place = f"s3://{BUCKET}/made/{self.serial}/"
        identifier = self.account.begin_query(
            f"create table {table} with (format = 'PARQUET', external_location = '{place}') as "
            "select page, count(*) as clicks from lake.clicks group by page"
        )

        def check() -> None:
            if (state := self.account.query_ended(identifier)) != "SUCCEEDED":
                raise Lost(f"a CREATE TABLE AS {state}")
            found = self.account.query(f"select sum(clicks) from {table}")
            if found != [[str(CLICKS)]]:
                raise Lost(f"{table} has {found}")
            self.account.query(f"drop table {table}")

        return Deed("create table as", check=check)

    # -- cache and migration

    def _fail_over(self) -> Deed:
        self.account.cache.test_failover(ReplicationGroupId="sessions", NodeGroupId="0001")
        return Deed("failover of the cache")

    def _stop_or_resume(self) -> Deed:
        account = self.account
        if account.stopped:
            account.stopped = False
            account.scene.start(account.task, "resume-processing")
            return Deed("resume of the migration")
        account.stopped = True
        account.scene.dms.stop_replication_task(ReplicationTaskArn=account.task)
        return Deed("stop of the migration")

    def _reload(self) -> Deed:
        account = self.account
        if not account.stopped:
            return Deed("idle")
        account.stopped = False
        account.scene.start(account.task, "reload-target")
        return Deed("full load")

    def wake(self) -> None:
        """Let the migration run."""
        if self.account.stopped:
            self._stop_or_resume()
