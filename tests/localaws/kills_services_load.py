"""What goes on in the other services while things are killed: writers who remember what was acknowledged."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import Any

import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.localaws.conftest import LocalAws
from tests.localaws.fix_dms import Scene
from tests.localaws.kills_load import Load

PATIENT = Config(connect_timeout=2, read_timeout=30)
ORDERS, BUCKET = "orders", "kills-lake"
SLOW = 0.05


class Writing(Load):
    """Does one thing after the other, and remembers the numbers of those that were acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.acknowledged: set[int] = set()
        self.refused = ""

    def run(self) -> None:
        """Go on until it is over."""
        for number in itertools.count(1):
            if self.over.wait(SLOW):
                return
            try:
                self.act(number)
                self.acknowledged.add(number)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    self.refused = str(error)
            except (BotoCoreError, psycopg.Error):
                continue

    def act(self, number: int) -> None:
        """Do it."""
        raise NotImplementedError

    def wrong(self) -> str:
        """What is not as it was acknowledged."""
        raise NotImplementedError

    def _missing(self, found: set[int]) -> str:
        lost = sorted(self.acknowledged - found)
        return f"{type(self).__name__}: {len(lost)} are gone: {lost[:10]}" if lost else ""


class Buyer(Writing):
    """Puts an order and counts it, in one transaction."""

    def __init__(self, aws: LocalAws) -> None:
        super().__init__()
        self.dynamodb = aws.client("dynamodb", config=PATIENT)

    def act(self, number: int) -> None:
        """Buy."""
        order = {"id": {"S": f"order-{number}"}, "user": {"S": f"user-{number % 7}"}, "n": {"N": str(number)}}
        count = {
            "TableName": ORDERS,
            "Key": {"id": {"S": "count"}},
            "UpdateExpression": "ADD counted :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
        self.dynamodb.transact_write_items(
            TransactItems=[{"Put": {"TableName": ORDERS, "Item": order}}, {"Update": count}]
        )

    def wrong(self) -> str:
        """The orders, their count and the index agree, and nothing acknowledged is missing."""
        pages = self.dynamodb.get_paginator("scan").paginate
        items = [item for page in pages(TableName=ORDERS) for item in page["Items"]]
        indexed = [item for page in pages(TableName=ORDERS, IndexName="by-user") for item in page["Items"]]
        orders = {int(item["n"]["N"]) for item in items if "n" in item}
        total = next((int(item["counted"]["N"]) for item in items if "counted" in item), 0)
        if total != len(orders):
            return f"{len(orders)} orders, of which {total} were counted"
        if {int(item["n"]["N"]) for item in indexed} != orders:
            return "the index has other orders than the table"
        return self._missing(orders)


class Uploader(Writing):
    """Puts objects, each with content of its own, and removes every third again."""

    def __init__(self, aws: LocalAws) -> None:
        super().__init__()
        self.s3 = aws.client("s3", config=PATIENT)

    @staticmethod
    def content(number: int) -> bytes:
        """What the object of that number holds."""
        return hashlib.sha256(str(number).encode()).digest() * (1 + number % 500)

    def act(self, number: int) -> None:
        """Upload, and delete what must not come back."""
        self.s3.put_object(Bucket=BUCKET, Key=f"put/{number}", Body=self.content(number))
        if number % 3 == 0:
            self.s3.delete_object(Bucket=BUCKET, Key=f"put/{number}")

    def wrong(self) -> str:
        """What was acknowledged is there whole, and what was deleted is not."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="put/")
        found = {int(each["Key"][4:]) for page in pages for each in page.get("Contents", [])}
        if back := [n for n in found & self.acknowledged if n % 3 == 0]:
            return f"deleted objects are back: {back[:10]}"
        for number in sorted(found):
            body = self.s3.get_object(Bucket=BUCKET, Key=f"put/{number}")["Body"].read()
            if body != self.content(number):
                return f"object {number} has {len(body)} bytes that are not what was put"
        return self._missing(found | {n for n in self.acknowledged if n % 3 == 0})


class Caller(Writing):
    """Makes management calls, which the trail has to know."""

    def __init__(self, aws: LocalAws) -> None:
        super().__init__()
        self.ssm = aws.client("ssm", config=PATIENT)
        self.trail = aws.client("cloudtrail", config=PATIENT)

    def act(self, number: int) -> None:
        """Put a parameter."""
        self.over.wait(SLOW)
        self.ssm.put_parameter(Name=f"/kept/{number}", Value=str(number), Type="String")

    def wrong(self) -> str:
        """The parameters are there, and each call is in the event history once."""
        pages = self.ssm.get_paginator("get_parameters_by_path").paginate(Path="/kept")
        found = {int(each["Value"]) for page in pages for each in page["Parameters"]}
        return self._missing(found) or self._unrecorded()

    def _unrecorded(self) -> str:
        pages = self.trail.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutParameter"}]
        )
        events = [json.loads(each["CloudTrailEvent"]) for page in pages for each in page["Events"]]
        named = [event["requestParameters"]["name"] for event in events if "errorCode" not in event]
        if len({event["eventID"] for event in events}) != len(events):
            return "an event is in the history twice"
        return self._missing({int(name.rpartition("/")[2]) for name in named})


class Shop(Writing):
    """Writes rows into the source of a migration, and changes them."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene = scene
        self._connection: Any = None
        scene.do("source", "create table beats (n int primary key, seen int not null default 0)")

    def act(self, number: int) -> None:
        """Insert a row and change an earlier one."""
        try:
            if self._connection is None:
                words = {key: value for key, value in self.scene.here.items() if key != "running"}
                self._connection = psycopg.connect(**words)
            self._connection.execute("insert into beats values (%s)", [number])
            self._connection.execute("update beats set seen = seen + 1 where n = %s", [number // 2])
            self._connection.commit()
        except psycopg.Error:
            self._leave()
            raise

    def run(self) -> None:
        """Go on until it is over, then leave the source."""
        try:
            super().run()
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def wrong(self) -> str:
        """The target has what the source has."""
        query = "select count(*), sum(seen), max(n) from beats"
        source, target = (self.scene.rows(kind, query) for kind in ("source", "target"))
        if source != target:
            return f"the source has {source}, the target {target}"
        return self._missing({n for (n,) in self.scene.rows("target", "select n from beats")})
