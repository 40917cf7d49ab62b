"""What goes on while things are killed: writers and a caller, who remember what was acknowledged."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import suppress
from typing import Any

import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.localaws.conftest import LocalAws
from tests.localaws.fix_rds import PASSWORD

PAUSE = 0.02
Place = tuple[str, int]


def connect(place: Place, user: str = "shop", password: str = PASSWORD) -> psycopg.Connection[Any]:
    """Log in to an endpoint as a client on the internet."""
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


class Load(threading.Thread):
    """Something that goes on until it is told to finish."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()

    def finish(self) -> None:
        """End, and wait for it."""
        self.over.set()
        if self.is_alive():
            self.join(60)


class Writer(Load):
    """Writes one row after the other into `beats` behind an endpoint.

    `acknowledged` holds, for each row that the database has confirmed, when it was begun and confirmed.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.acknowledged: dict[int, tuple[float, float]] = {}
        with connect(place) as connection:
            connection.execute("create table beats (n int primary key)")

    def run(self) -> None:
        """Write until it is over; a row counts when the database has said so."""
        numbers = itertools.count()
        while not self.over.wait(PAUSE):
            with suppress(psycopg.Error), connect(self.place) as connection:
                while not self.over.wait(PAUSE):
                    number, begun = next(numbers), time.time()
                    connection.execute("insert into beats values (%s)", [number])
                    self.acknowledged[number] = (begun, time.time())

    def until(self, moment: float) -> set[int]:
        """The rows that had been confirmed by a moment."""
        return {number for number, (_, end) in list(self.acknowledged.items()) if end <= moment}

    def after(self, moment: float) -> set[int]:
        """The rows that were begun after a moment."""
        return {number for number, (begin, _) in list(self.acknowledged.items()) if begin > moment}


class Caller(Load):
    """Puts items into a DynamoDB table and remembers which calls were answered."""

    def __init__(self, aws: LocalAws) -> None:
        super().__init__()
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
