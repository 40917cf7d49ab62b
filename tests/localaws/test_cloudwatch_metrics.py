"""Metrics: what callers put, what the sampler reads from the servers, and what comes back."""

from __future__ import annotations

import datetime
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.cloudwatch import expressions
from localaws.cloudwatch.expressions import Scope
from localaws.cloudwatch.points import Point
from localaws.cloudwatch.store import FINE_SECONDS, KEPT_SECONDS, Metric, MetricStore
from tests.localaws.conftest import LocalAws
from tests.localaws.fix_rds import PublicNetwork, available, connect, eventually

NOW = datetime.datetime.now(datetime.UTC).replace(second=0, microsecond=0)
START, END = NOW - datetime.timedelta(minutes=10), NOW + datetime.timedelta(minutes=10)


@pytest.fixture
def cloudwatch(fast: LocalAws) -> Any:
    return fast.client("cloudwatch")


def put(cloudwatch: Any, namespace: str, *data: dict[str, Any]) -> None:
    cloudwatch.put_metric_data(
        Namespace=namespace, MetricData=[{"MetricName": "m", "Timestamp": NOW} | each for each in data]
    )


def statistics(cloudwatch: Any, namespace: str, *names: str, **more: Any) -> list[dict[str, Any]]:
    found = cloudwatch.get_metric_statistics(
        **{"Namespace": namespace, "MetricName": "m", "StartTime": START, "EndTime": END, "Period": 60}
        | ({"Statistics": list(names)} if names else {})
        | more
    )
    return sorted(found["Datapoints"], key=lambda each: each["Timestamp"])


def query(name: str, expression: str) -> dict[str, Any]:
    return {"Id": name, "Expression": expression}


def metric(name: str, namespace: str, stat: str = "Sum", **more: Any) -> dict[str, Any]:
    asked = {"Metric": {"Namespace": namespace, "MetricName": "m"}, "Period": 60, "Stat": stat}
    return {"Id": name, "MetricStat": asked, "ReturnData": False, **more}


def data(cloudwatch: Any, *queries: dict[str, Any]) -> dict[str, list[float]]:
    found = cloudwatch.get_metric_data(
        MetricDataQueries=list(queries), StartTime=START, EndTime=END, ScanBy="TimestampAscending"
    )
    return {each["Label"]: each["Values"] for each in found["MetricDataResults"]}


def test_values_counts_and_statistic_sets_add_up(cloudwatch: Any) -> None:
    sets = {"SampleCount": 2, "Sum": 30, "Minimum": 5, "Maximum": 25}
    put(cloudwatch, "add", {"Values": [1.0, 10.0], "Counts": [2.0, 4.0]}, {"StatisticValues": sets})
    (datum,) = statistics(cloudwatch, "add", "SampleCount", "Sum", "Minimum", "Maximum", "Average")
    assert datum["SampleCount"] == 8
    assert (datum["Sum"], datum["Minimum"], datum["Maximum"], datum["Average"]) == (72, 1, 25, 9)
    assert datum["Timestamp"] == NOW


def test_percentiles(cloudwatch: Any) -> None:
    put(cloudwatch, "rank", {"Values": [float(value) for value in range(1, 101)]})
    (datum,) = statistics(cloudwatch, "rank", ExtendedStatistics=["p50", "p99", "p100"])
    assert datum["ExtendedStatistics"] == {"p50": 50, "p99": 99, "p100": 100}


def test_dimensions_name_another_metric_and_units_stay_apart(cloudwatch: Any) -> None:
    here = [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}]
    put(cloudwatch, "dims", {"Value": 1}, {"Value": 5, "Dimensions": here, "Unit": "Count"})
    put(cloudwatch, "dims", {"Value": 7, "Dimensions": here[::-1], "Unit": "Bytes"})
    assert [datum["Sum"] for datum in statistics(cloudwatch, "dims", "Sum")] == [1]
    found = statistics(cloudwatch, "dims", "Sum", Dimensions=here)
    assert {datum["Unit"]: datum["Sum"] for datum in found} == {"Bytes": 7, "Count": 5}
    assert statistics(cloudwatch, "dims", "Sum", Dimensions=here[:1]) == []


def test_list_metrics_filters(cloudwatch: Any) -> None:
    put(cloudwatch, "list", {"Value": 1}, {"Value": 1, "Dimensions": [{"Name": "d", "Value": "x"}]})
    old = NOW - datetime.timedelta(hours=4)
    put(cloudwatch, "list", {"Value": 1, "MetricName": "old", "Timestamp": old})

    def listed(**how: Any) -> list[tuple[str, int]]:
        found = cloudwatch.list_metrics(Namespace="list", **how)["Metrics"]
        return sorted((each["MetricName"], len(each["Dimensions"])) for each in found)

    assert listed() == [("m", 0), ("m", 1), ("old", 0)]
    assert listed(RecentlyActive="PT3H") == [("m", 0), ("m", 1)]
    assert listed(Dimensions=[{"Name": "d"}]) == [("m", 1)]
    assert listed(Dimensions=[{"Name": "d", "Value": "y"}]) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Value": float("nan")}, "InvalidParameterValue"),
        ({"Values": [1.0], "Counts": [1.0, 2.0]}, "InvalidParameterValue"),
        ({"Value": 1, "Timestamp": NOW - datetime.timedelta(days=20)}, "InvalidParameterValue"),
        ({"Value": 1, "Timestamp": NOW + datetime.timedelta(hours=3)}, "InvalidParameterValue"),
    ],
)
def test_data_that_are_refused(cloudwatch: Any, change: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        put(cloudwatch, "refused", change)
    assert refused.value.response["Error"]["Code"] == code
    assert cloudwatch.list_metrics(Namespace="refused")["Metrics"] == []


@pytest.mark.parametrize("period", [7, 90])
def test_periods_that_do_not_exist(cloudwatch: Any, period: int) -> None:
    with pytest.raises(ClientError, match="multiple of 60"):
        statistics(cloudwatch, "add", "Sum", Period=period)


def test_metric_math_over_what_was_put(cloudwatch: Any) -> None:
    minute = datetime.timedelta(minutes=1)
    put(cloudwatch, "math", {"Value": 6}, {"Value": 10, "Timestamp": NOW + 2 * minute})
    found = data(
        cloudwatch,
        metric("m1", "math"),
        metric("m2", "math", "SampleCount"),
        query("e1", "m1 / m2 * 100 - (2 ^ 3)"),
        query("e2", "SUM([m1, m2])"),
        query("e3", "RATE(m1)"),
        query("e4", "IF(m1 > 7, m1)"),
    )
    assert found == {"e1": [592, 992], "e2": [7, 11], "e3": [pytest.approx(4 / 120)], "e4": [10]}
    filled = data(cloudwatch, metric("m1", "math"), query("e", "FILL(m1, LINEAR)"))["e"]
    assert filled[:3] == [6, 8, 10]


@pytest.mark.parametrize("text", ["m1 +", "SEARCH('x', 'Sum', 60)", "NOFUNCTION(m1)", "m9 * 2", "m1 $ 2"])
def test_expressions_that_are_refused(cloudwatch: Any, text: str) -> None:
    with pytest.raises(ClientError) as refused:
        data(cloudwatch, metric("m1", "math"), query("e", text))
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert "rror in expression" in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 + 2 * 3", 7.0),
        ("-2 ^ 2", -4.0),
        ("(1 < 2) AND NOT 0", 1.0),
        ("AVG(a)", 2.0),
        ("a - b", {0: -1.0}),
        ("MAX([a, b])", {0: 2.0, 60: 3.0}),
        ("FILL(b, 0)", {0: 2.0, 60: 0.0}),
        ("DIFF(a)", {60: 2.0}),
        ("RUNNING_SUM(a)", {0: 1.0, 60: 4.0}),
        ("SUM(METRICS())", {0: 3.0, 60: 3.0}),
        ("a / 0", {}),
    ],
)
def test_expressions(text: str, wanted: object) -> None:
    scope = Scope({"a": {0: 1.0, 60: 3.0}, "b": {0: 2.0}}, ["a", "b"], 60, [0, 60])
    assert expressions.evaluate(expressions.parse(text), scope) == wanted


def test_metrics_insights(cloudwatch: Any) -> None:
    for zone, value in (("a", 1), ("a", 2), ("b", 10)):
        dimensions = [{"Name": "zone", "Value": zone}, {"Name": "id", "Value": f"{zone}{value}"}]
        put(cloudwatch, "insights", {"Value": value, "Dimensions": dimensions})
    text = "SELECT SUM(m) FROM \"insights\" WHERE zone = 'a'"
    assert data(cloudwatch, {**query("q", text), "Period": 60}) == {"q": [3]}
    grouped = data(cloudwatch, {**query("q", "SELECT MAX(m) FROM insights GROUP BY zone"), "Period": 60})
    assert sorted(grouped.values()) == [[2], [10]]


def test_old_points_become_minutes_and_then_go(tmp_path: Path) -> None:
    store = MetricStore(tmp_path / "m.sqlite")
    here = Metric("1", "r", "n", "m", (("d", "x"),))
    now = 1_800_000_000
    old = (now - FINE_SECONDS) // 60 * 60 - 60
    store.add((here, Point.of(second, "None", value)) for second, value in ((old + 5, 1.0), (old + 9, 3.0)))
    store.add([(here, Point.of(now - KEPT_SECONDS - 1, "None", 1.0)), (here, Point.of(now - 1, "None", 7.0))])
    store.compact(now)
    minute, fresh = store.points(here, 0, now)
    assert (minute.second, minute.count, minute.total, minute.spread) == (old, 2, 4, ((1, 1), (3, 1)))
    assert fresh.second == now - 1
    store.close()


def test_points_survive_a_killed_server(own_aws: LocalAws) -> None:
    own_aws.start()
    put(own_aws.client("cloudwatch"), "kept", {"Value": 4})
    before = own_aws.status()["pid"]

    os.kill(before, signal.SIGKILL)
    eventually(lambda: own_aws.status()["running"], lambda running: not running)
    own_aws.start()
    assert [each["Sum"] for each in statistics(own_aws.client("cloudwatch"), "kept", "Sum")] == [4]


@pytest.mark.engine
def test_metrics_of_a_running_server(fast: LocalAws) -> None:
    rds, cloudwatch = fast.client("rds"), fast.client("cloudwatch")
    network = PublicNetwork(fast, "metrics")
    tags = [{"Key": "localaws:mib-per-gib", "Value": "10"}]
    rds.create_db_instance(**network.request("measured", Tags=tags))
    shown = available(rds, "measured")
    here = [{"Name": "DBInstanceIdentifier", "Value": "measured"}]

    def newest(name: str) -> float:
        now = datetime.datetime.now(datetime.UTC)
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/RDS",
            MetricName=name,
            Dimensions=here,
            StartTime=now - datetime.timedelta(minutes=1),
            EndTime=now + datetime.timedelta(seconds=5),
            Period=1,
            Statistics=["Average"],
        )["Datapoints"]
        last = max(found, key=lambda each: each["Timestamp"], default={"Average": -1.0})
        return float(last["Average"])

    assert eventually(lambda: newest("DatabaseConnections"), lambda value: value >= 0) == 0
    free = newest("FreeStorageSpace")
    assert 15 * 2**30 < free < 20 * 2**30
    clients = [connect(fast, shown) for _ in range(3)]
    eventually(lambda: newest("DatabaseConnections"), lambda value: value == 3)
    # 3 MB of rows show as a hundred times as many, for 10 MiB stand for a GiB
    clients[0].execute("CREATE TABLE filling AS SELECT repeat('x', 1000) FROM generate_series(1, 3000)")
    eventually(lambda: newest("FreeStorageSpace"), lambda value: value < free - 250 * 2**20)
    clients[0].execute("SELECT count(*) FROM generate_series(1, 3000000)")
    eventually(lambda: max(newest("CPUUtilization"), 0), lambda value: 0 < value <= 100)
    assert 0 < newest("FreeableMemory") < 2**30
    for client in clients:
        client.close()
    eventually(lambda: newest("DatabaseConnections"), lambda value: value == 0)
    listed = {
        each["MetricName"]
        for each in cloudwatch.list_metrics(Namespace="AWS/RDS", Dimensions=here)["Metrics"]
    }
    assert {
        "ReadIOPS",
        "WriteIOPS",
        "ReadLatency",
        "WriteThroughput",
        "SwapUsage",
        "DiskQueueDepth",
    } <= listed
    rds.stop_db_instance(DBInstanceIdentifier="measured")
    available(rds, "measured", "stopped")
    ended = time.time()
    # what a look before the stop found may be a second old
    eventually(lambda: newest("DatabaseConnections"), lambda _: time.time() - ended > 2.5)
    later = cloudwatch.get_metric_statistics(
        Namespace="AWS/RDS",
        MetricName="DatabaseConnections",
        Dimensions=here,
        StartTime=datetime.datetime.fromtimestamp(int(ended) + 1, datetime.UTC),
        EndTime=datetime.datetime.fromtimestamp(int(ended) + 10, datetime.UTC),
        Period=1,
        Statistics=["Sum"],
    )["Datapoints"]
    assert later == []


def test_the_interval_can_be_changed(own_aws: LocalAws) -> None:
    assert "every 10 s" in own_aws.run("sampling", "10").stdout
    refused = own_aws.run("sampling", "7", check=False)
    assert refused.returncode == 1
    assert "Use one of 1, 2," in refused.stderr
