"""The stated model of throughput on a clock of the test's own, and what a client sees of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.dynamodb.throttle import Demand, Kind, Limits, Throttle

from .conftest import LocalAws, eventually
from .fix_dynamodb_tables import attributes, described, index, make_table

HOT, COLD = 0, 0xFFFFFFFF
"""Hashes of keys in the first and in the last partition."""
KIB = 1024


def provisioned(reads: float, writes: float) -> Limits:
    units: Mapping[Kind, float] = {"Read": reads, "Write": writes}
    return Limits(provisioned=units, highest={}, warm=units)


def on_demand(**highest: float) -> Limits:
    bounds: Mapping[Kind, float] = highest  # type: ignore[assignment]
    return Limits(provisioned=None, highest=bounds, warm={"Read": 12_000.0, "Write": 4_000.0})


@dataclass
class Table:
    """A table under load, by a clock that only the test moves."""

    limits: dict[str | None, Limits]
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.throttle = Throttle()
        self.throttle.follow(self.limits, self.now)

    def write(self, units: float = 1.0, place: int | None = HOT, *names: str) -> list[str]:
        demands = [Demand("Write", None, units, place)]
        demands += [Demand("Write", name, units, None) for name in names]
        return [refusal.reason for refusal in self.throttle.admit(demands, self.now)]

    def read(self, units: float, place: int | None = HOT) -> list[str]:
        return [each.reason for each in self.throttle.admit([Demand("Read", None, units, place)], self.now)]

    def burst(self) -> int:
        """How many one-unit writes pass at 500 a second until one does not."""
        passed = 0
        while not self.write():
            passed += 1
            self.now += 1 / 500
        return passed

    def written(self, seconds: int, rate: int, place: int | None = HOT) -> int:
        """How many of so many one-unit writes a second pass."""
        passed = 0
        for _ in range(seconds * rate):
            self.now += 1 / rate
            passed += not self.write(1.0, place)
        return passed


def test_the_burst_is_spent_first_and_comes_back() -> None:
    table = Table({None: provisioned(5, 5)})
    assert table.burst() == pytest.approx(1500, rel=0.02)
    assert table.write() == ["TableWriteProvisionedThroughputExceeded"]
    assert not table.read(5.0)
    assert table.written(seconds=60, rate=20) == pytest.approx(300, abs=2)
    table.now += 30
    assert table.burst() == pytest.approx(150, abs=5)
    table.now += 3600
    assert table.burst() == pytest.approx(1500, rel=0.02)


def test_a_request_larger_than_a_second_borrows() -> None:
    table = Table({None: provisioned(1, 1)})
    assert not table.write(400.0)
    table.now += 99
    assert table.write(1.0)
    table.now += 3
    assert not table.write(1.0)


def test_a_hot_key_is_limited_while_others_go_on() -> None:
    table = Table({None: provisioned(100, 4000)})
    assert table.written(seconds=10, rate=2000) == pytest.approx(11_000, rel=0.02)
    assert table.write() == ["TableWriteKeyRangeThroughputExceeded"]
    assert not table.write(1.0, COLD)
    assert table.written(seconds=5, rate=900, place=COLD) == 4500


def test_a_partition_uses_what_the_others_leave() -> None:
    table = Table({None: provisioned(100, 1600)})
    # a half of 1,600 would be 800
    assert table.written(seconds=60, rate=990) == 990 * 60


def test_an_increase_helps_at_once_and_partitions_stay() -> None:
    table = Table({None: provisioned(5, 5)})
    table.burst()
    table.throttle.follow({None: provisioned(5, 50)}, table.now)
    assert not table.write()
    assert table.written(seconds=60, rate=100) == pytest.approx(3000 + 45, abs=5)


def test_reads_have_their_own_units() -> None:
    table = Table({None: provisioned(10_000, 1)})
    assert sum(not table.read(100.0) for _ in range(200)) == 30
    assert table.read(1.0) == ["TableReadKeyRangeThroughputExceeded"]
    assert not table.read(1.0, COLD)


def test_on_demand_begins_with_four_partitions_and_doubles_with_its_peak() -> None:
    table = Table({None: on_demand()})
    assert table.written(seconds=1, rate=2000) == pytest.approx(2000, abs=5)
    assert table.written(seconds=10, rate=2000) == pytest.approx(10_000, rel=0.03)
    for _ in range(70):
        table.now += 1
        for place in range(0, 1 << 32, 1 << 28):
            table.write(200.0, place)
    table.now += 1
    assert sum(not table.write(100.0, HOT) for _ in range(20)) == 10
    # in the first quarter of all keys, but not in the first sixth
    assert not table.write(100.0, (1 << 32) // 5)


def test_on_demand_keeps_to_the_highest_throughput() -> None:
    table = Table({None: on_demand(Write=10)})
    assert sum(not table.write() for _ in range(50)) == 10
    assert table.write() == ["TableWriteMaxOnDemandThroughputExceeded"]


def test_an_index_with_too_few_units_throttles_the_table() -> None:
    table = Table({None: provisioned(5, 1000), "by-total": provisioned(5, 1)})
    assert sum(not table.write(1.0, HOT, "by-total") for _ in range(400)) == 300
    assert table.write(1.0, HOT, "by-total") == ["IndexWriteProvisionedThroughputExceeded"]
    # nothing was taken from the table for what the index refused
    assert not table.write(690.0)


# -- through the API


@pytest.fixture(scope="module")
def dynamodb(aws: LocalAws) -> Any:
    return aws.client("dynamodb")


def put(dynamodb: Any, name: str, number: int, **more: Any) -> dict[str, Any]:
    """What a write of 90 units is answered."""
    item = {"id": {"S": str(number)}, "text": {"S": "x" * (90 * KIB - 200)}, **more}
    try:
        answer: dict[str, Any] = dynamodb.put_item(TableName=name, Item=item)
    except ClientError as error:
        return dict(error.response)
    return answer


def throttled(dynamodb: Any, name: str, **more: Any) -> dict[str, Any]:
    """The refusal with which writes end, those of a partition's limit left aside."""
    for number in range(2000):
        answer = put(dynamodb, name, number, **more)
        if "Error" in answer and "KeyRange" not in str(answer):
            return answer
    raise AssertionError("nothing was refused")


def test_a_client_meets_the_provisioned_throughput(dynamodb: Any) -> None:
    table = make_table(
        dynamodb, "small", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    )
    response = throttled(dynamodb, "small")
    assert response["Error"]["Code"] == "ProvisionedThroughputExceededException"
    assert response["Error"]["Message"].startswith(
        "The level of configured provisioned throughput for the table"
    )
    assert response["ThrottlingReasons"] == [
        {"reason": "TableWriteProvisionedThroughputExceeded", "resource": table["TableArn"]}
    ]
    more = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 1000}
    dynamodb.update_table(TableName="small", ProvisionedThroughput=more)
    assert described(dynamodb, "small")["TableStatus"] == "ACTIVE"
    eventually(lambda: "Error" not in put(dynamodb, "small", 0))


def test_a_client_meets_an_index_that_is_too_small(dynamodb: Any) -> None:
    small = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    table = make_table(
        dynamodb,
        "pressed",
        AttributeDefinitions=attributes("id", "total:N"),
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 1000},
        GlobalSecondaryIndexes=[index("by-total", "total", ProvisionedThroughput=small)],
    )
    response = throttled(dynamodb, "pressed", total={"N": "1"})
    assert "global secondary indexes" in response["Error"]["Message"]
    assert response["ThrottlingReasons"][0]["resource"] == f"{table['TableArn']}/index/by-total"
    eventually(lambda: "Error" not in put(dynamodb, "pressed", -1))


def test_a_client_meets_the_highest_throughput_on_demand(dynamodb: Any) -> None:
    make_table(dynamodb, "bounded", OnDemandThroughput={"MaxWriteRequestUnits": 10})
    response = throttled(dynamodb, "bounded")
    assert response["Error"]["Code"] == "ThrottlingException"
    assert response["throttlingReasons"][0]["reason"] == "TableWriteMaxOnDemandThroughputExceeded"
    dynamodb.update_table(TableName="bounded", OnDemandThroughput={"MaxWriteRequestUnits": -1})
    assert "Error" not in put(dynamodb, "bounded", 0)
