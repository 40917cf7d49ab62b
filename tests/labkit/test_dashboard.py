"""The drawn dashboard: what the account's metrics and alarms say, in the places that its body names."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import labkit
from labkit.chart import scale, short
from labkit.dashboard import metric_queries

from .conftest import Lab


def put_dashboard(*widgets: dict[str, Any], name: str = "shop") -> None:
    client = boto3.client("cloudwatch")
    client.put_dashboard(DashboardName=name, DashboardBody=json.dumps({"widgets": widgets}))


def test_a_dashboard_is_drawn_from_the_account(local: Lab) -> None:
    client = boto3.client("cloudwatch")
    now = datetime.now(UTC)
    for minutes, value in ((2, 10.0), (1, 40.0), (0, 2500.0)):  # the last breaches: ALARM stays as it is set
        when = now - timedelta(minutes=minutes)
        datum = {"MetricName": "orders", "Value": value, "Timestamp": when}
        client.put_metric_data(Namespace="Shop", MetricData=[datum])  # type: ignore[list-item]
    client.put_metric_alarm(
        AlarmName="too <many>",
        Namespace="Shop",
        MetricName="orders",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=2000,
        ComparisonOperator="GreaterThanThreshold",
    )
    client.set_alarm_state(AlarmName="too <many>", StateValue="ALARM", StateReason="a <drill>")
    arn = client.describe_alarms(AlarmNames=["too <many>"])["MetricAlarms"][0]["AlarmArn"]
    common = {"region": "us-east-1", "period": 60}
    metrics = [["Shop", "orders", {"id": "m", "stat": "Sum"}], [{"expression": "m * 2", "label": "twice"}]]
    put_dashboard(
        {"type": "text", "x": 0, "y": 0, "width": 24, "height": 1, "properties": {"markdown": "# Sho<p>"}},
        {"type": "metric", "x": 0, "y": 1, "properties": {"title": "Orders", "metrics": metrics, **common}},
        {"type": "metric", "x": 6, "y": 1, "properties": {"annotations": {"alarms": [arn]}, **common}},
        {
            "type": "metric",
            "x": 12,
            "y": 1,
            "properties": {"view": "singleValue", "metrics": [["Shop", "orders"]], **common},
        },
        {"type": "alarm", "x": 18, "y": 1, "properties": {"title": "All alarms", "alarms": [arn]}},
    )
    picture = labkit.dashboard("shop", minutes=10)
    root = ET.fromstring(picture._repr_svg_())
    words = [text.strip() for text in root.itertext()]
    for expected in ("Sho<p>", "Orders", "twice", "2.5k", "All alarms", "a <drill>", "Dashboard shop"):
        assert expected in words
    assert "too <many> · ALARM" in words
    assert "too <many> (ALARM)" in words
    said = repr(picture).splitlines()
    assert "    twice: 5k" in said
    assert "    too <many>: ALARM" in said


def test_boxes_do_not_overlap_and_a_widget_without_a_place_goes_below(local: Lab) -> None:
    words = {"type": "text", "properties": {"markdown": "x"}}
    put_dashboard(words, words, {**words, "x": 6, "y": 0}, name="places")
    first, second, third = (widget.box for widget in labkit.dashboard("places").widgets)
    assert first.bottom <= second.y
    assert first.right <= third.x
    assert first.y == third.y


def test_a_dashboard_that_is_not_there(local: Lab) -> None:
    put_dashboard({"type": "text", "properties": {"markdown": "x"}}, name="here")
    with pytest.raises(labkit.errors.PictureError, match="here"):
        labkit.dashboard("gone")


@pytest.mark.parametrize(
    "widget",
    [
        {"type": "nothing", "properties": {}},
        {"type": "text", "properties": {}},
        {"type": "metric", "properties": {"metrics": [["Shop"]], "region": "us-east-1"}},
        {"type": "metric", "properties": {"metrics": [["Shop", "orders"]]}},
        {"type": "text", "x": 24, "properties": {"markdown": "x"}},
        {"type": "alarm", "properties": {"alarms": []}},
    ],
)
def test_bodies_that_are_refused(local: Lab, widget: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="valid widgets list"):
        put_dashboard(widget, name="refused")


def test_short_forms_of_metrics() -> None:
    given = [["AWS/RDS", "CPU", "Id", "a"], ["...", "b"], [".", "Free", ".", "c", {"stat": "Minimum"}]]
    queries = metric_queries({"metrics": given, "period": 60})
    found = [
        (each["Metric"]["MetricName"], each["Metric"]["Dimensions"][0]["Value"], each["Stat"])
        for each in (query["MetricStat"] for query in queries)
    ]
    assert found == [("CPU", "a", "Average"), ("CPU", "b", "Average"), ("Free", "c", "Minimum")]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 97), (0, 0.003), (-5, 12), (0, 2.1e10), (0, 0)])
def test_scales_include_both_ends(low: float, high: float) -> None:
    ticks = scale(low, high)
    assert 2 <= len(ticks) <= 7
    assert ticks[0] <= low
    assert ticks[-1] >= high or high == pytest.approx(ticks[-1])


def test_short_numbers() -> None:
    assert [short(value) for value in (0.0123, 42, 1500, 2.5e9)] == ["0.0123", "42", "1.5k", "2.5G"]
