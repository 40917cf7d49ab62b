"""What goes on while things are killed: writers and a caller of the API; they remember what was acknowledged."""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress
from typing import Any

import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.localaws.conftest import LocalAws
from tests.localaws.fix_rds import PASSWORD

PAUSE = 0.02


class Load(threading.Thread):
    """Something that goes on until it is told to finish."""

    def __init__(self, aws: LocalAws) -> None:
        super().__init__(daemon=True)
        self.aws = aws
        self.over = threading.Event()

    def finish(self) -> None:
        """End, and wait for it."""
        self.over.set()
        if self.is_alive():
            self.join(60)


class Writer(Load):
    """Writes one row after the other into `beats` behind an endpoint."""

    def __init__(self, aws: LocalAws, place: tuple[str, int]) -> None:
        super().__init__(aws)
        self.place = place
        self.acknowledged: set[int] = set()
        with self._connect() as connection:
            connection.execute("create table beats (n int primary key)")

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=self.place[0],
            port=self.place[1],
            user="shop",
            password=PASSWORD,
            dbname="shop",
            sslmode="require",
            autocommit=True,
            connect_timeout=5,
        )

    def run(self) -> None:
        """Write until it is over; a row counts when the database has said so."""
        numbers = itertools.count()
        while not self.over.wait(PAUSE):
            with suppress(psycopg.Error), self._connect() as connection:
                while not self.over.wait(PAUSE):
                    number = next(numbers)
                    connection.execute("insert into beats values (%s)", [number])
                    self.acknowledged.add(number)


class Caller(Load):
    """Puts items into a DynamoDB table and remembers which calls were answered."""

    def __init__(self, aws: LocalAws) -> None:
        super().__init__(aws)
        self.acknowledged: set[int] = set()
        self.dynamodb = aws.client("dynamodb", config=Config(connect_timeout=2, read_timeout=30))
        self.dynamodb.create_table(
            TableName="kept",
            AttributeDefinitions=[{"AttributeName": "n", "AttributeType": "N"}],
            KeySchema=[{"AttributeName": "n", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def run(self) -> None:
        """Call until it is over."""
        numbers = itertools.count()
        while not self.over.wait(PAUSE):
            number = next(numbers)
            with suppress(ClientError, BotoCoreError):
                self.dynamodb.put_item(TableName="kept", Item={"n": {"N": str(number)}})
                self.acknowledged.add(number)

    def present(self) -> set[int]:
        """What the account has."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName="kept")
        return {int(item["n"]["N"]) for page in pages for item in page["Items"]}
