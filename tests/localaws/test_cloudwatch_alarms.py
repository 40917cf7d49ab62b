"""Alarms: evaluated over time, with what is missing, and what they do when their state changes."""

from __future__ import annotations

import http.server
import json
import os
import signal
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.cloudwatch import rules
from localaws.cloudwatch.evaluation import Datum, evaluate
from tests.localaws.conftest import LocalAws
from tests.localaws.fix_rds import PublicNetwork, available, connect, eventually


@pytest.fixture
def cloudwatch(fast: LocalAws) -> Any:
    return fast.client("cloudwatch")


def alarm(cloudwatch: Any, name: str, **changed: Any) -> None:
    given = {
        "AlarmName": name,
        "Namespace": "shop",
        "MetricName": name,
        "Statistic": "Maximum",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    cloudwatch.put_metric_alarm(
        **{key: value for key, value in (given | changed).items() if value is not None}
    )


def put(cloudwatch: Any, name: str, value: float) -> None:
    datum = {"MetricName": name, "Value": value, "StorageResolution": 1}
    cloudwatch.put_metric_data(Namespace="shop", MetricData=[datum])


def shown(cloudwatch: Any, name: str) -> dict[str, Any]:
    found = cloudwatch.describe_alarms(AlarmNames=[name])
    alarms: list[dict[str, Any]] = found["MetricAlarms"] + found["CompositeAlarms"]
    assert len(alarms) == 1
    return alarms[0]


def reaches(cloudwatch: Any, name: str, state: str) -> dict[str, Any]:
    found: dict[str, Any] = eventually(
        lambda: shown(cloudwatch, name), lambda each: each["StateValue"] == state
    )
    return found


def history(cloudwatch: Any, name: str, kind: str) -> list[dict[str, Any]]:
    found = cloudwatch.describe_alarm_history(
        AlarmName=name, HistoryItemType=kind, ScanBy="TimestampAscending"
    )
    return list(found["AlarmHistoryItems"])


def queue_of(aws: LocalAws, topic: str, name: str) -> str:
    sqs, sns = aws.client("sqs"), aws.client("sns")
    url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


def received(aws: LocalAws, url: str) -> list[dict[str, Any]]:
    found = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(each["Body"]) for each in found]


# -- evaluation ranges as AWS documents them: 0 is fine, X breaches, - is missing

ALWAYS: dict[str, str | None] = dict.fromkeys(("missing", "ignore", "breaching", "notBreaching"), "ALARM")
RANGES: list[tuple[str, int, dict[str, str | None]]] = [
    ("0-X-X", 3, {"missing": "OK", "ignore": "OK", "breaching": "OK", "notBreaching": "OK"}),
    ("----0", 3, {"missing": "OK", "ignore": "OK", "breaching": "OK", "notBreaching": "OK"}),
    (
        "-----",
        3,
        {"missing": "INSUFFICIENT_DATA", "ignore": None, "breaching": "ALARM", "notBreaching": "OK"},
    ),
    ("0XX-X", 3, ALWAYS),
    ("--X--", 3, {"missing": "ALARM", "ignore": None, "breaching": "ALARM", "notBreaching": "OK"}),
    ("0-X-X", 2, ALWAYS),
    ("00X0X", 2, ALWAYS),
    ("0-X--", 2, {"missing": "OK", "ignore": "OK", "breaching": "ALARM", "notBreaching": "OK"}),
    ("----0", 2, {"missing": "OK", "ignore": "OK", "breaching": "ALARM", "notBreaching": "OK"}),
    ("---X-", 2, {"missing": "ALARM", "ignore": None, "breaching": "ALARM", "notBreaching": "OK"}),
]


@pytest.mark.parametrize(
    ("points", "needed", "treatment", "wanted"),
    [(points, needed, how, state) for points, needed, states in RANGES for how, state in states.items()],
)
def test_missing_data(points: str, needed: int, treatment: str, wanted: str | None) -> None:
    given = {
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": needed,
        "TreatMissingData": treatment,
    }
    window = [Datum(60 * n, {"0": 1.0, "X": 9.0, "-": None}[each]) for n, each in enumerate(points)]
    found = evaluate(given, window, "before", datetime.now(UTC))
    assert (found and found.state) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ALARM(a)", True),
        ('ALARM("b c") OR FALSE', False),
        ("ALARM(a) AND NOT (OK(a) OR INSUFFICIENT_DATA('b c'))", True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a) AND OK(b)", False),
        ("OK(gone) OR TRUE AND FALSE", False),
    ],
)
def test_rules(text: str, wanted: bool) -> None:
    assert rules.parse(text).holds({"a": "ALARM", "b c": "OK", "b": "ALARM"}) is wanted


@pytest.mark.parametrize("text", ["", "ALARM(a", "ALARM(a) XOR OK(b)", "AND", "(ALARM(a)"])
def test_rules_that_are_none(text: str) -> None:
    with pytest.raises(rules.RuleInvalid):
        rules.parse(text)


# -- alarms that live


def test_an_alarm_fires_tells_and_comes_back(fast: LocalAws, cloudwatch: Any) -> None:
    topic = fast.client("sns").create_topic(Name="fires")["TopicArn"]
    url = queue_of(fast, topic, "fires")
    put(cloudwatch, "fires", 0)
    alarm(
        cloudwatch,
        "fires",
        Statistic="Sum",
        AlarmActions=[topic],
        OKActions=[topic],
        DatapointsToAlarm=1,
        AlarmDescription="d",
    )
    assert shown(cloudwatch, "fires")["StateValue"] in ("INSUFFICIENT_DATA", "OK")
    reaches(cloudwatch, "fires", "OK")
    put(cloudwatch, "fires", 9)
    found = reaches(cloudwatch, "fires", "ALARM")
    assert found["StateReason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [9.0 (")
    assert found["StateReason"].endswith(
        "was greater than the threshold (5.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    data = json.loads(found["StateReasonData"])
    assert (data["recentDatapoints"], data["threshold"], data["statistic"]) == ([9.0], 5.0, "Sum")
    put(cloudwatch, "fires", -100)
    reaches(cloudwatch, "fires", "OK")

    changes = [json.loads(each["HistoryData"]) for each in history(cloudwatch, "fires", "StateUpdate")]
    path = [each["newState"]["stateValue"] for each in changes]
    assert path == ["OK", "ALARM", "OK"]
    assert changes[1]["oldState"]["stateValue"] == "OK"
    assert changes[1]["newState"]["stateReasonData"]["recentDatapoints"] == [9.0]
    (created,) = history(cloudwatch, "fires", "ConfigurationUpdate")
    assert created["HistorySummary"] == 'Alarm "fires" created'
    acted = history(cloudwatch, "fires", "Action")
    assert [each["HistorySummary"] for each in acted] == [f"Successfully executed action {topic}"] * 3

    messages = [json.loads(each["Message"]) for each in received(fast, url)]
    fired = next(each for each in messages if each["NewStateValue"] == "ALARM")
    assert (fired["AlarmName"], fired["OldStateValue"], fired["AWSAccountId"]) == (
        "fires",
        "OK",
        "123456789012",
    )
    assert fired["Trigger"]["MetricName"] == "fires"
    assert fired["Trigger"]["Statistic"] == "SUM"
    assert fired["Region"] == "US East (N. Virginia)"


def test_subject_of_a_message_to_an_http_endpoint(fast: LocalAws, cloudwatch: Any) -> None:
    arrived: list[tuple[str, dict[str, Any]]] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            arrived.append((self.headers["x-amz-sns-message-type"], json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        sns = fast.client("sns")
        topic = sns.create_topic(Name="web")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/")
        alarm(cloudwatch, "web", AlarmActions=[topic], TreatMissingData="breaching")
        reaches(cloudwatch, "web", "ALARM")
        eventually(lambda: len(arrived), lambda number: number == 1)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    kind, document = arrived[0]
    assert kind == document["Type"] == "Notification"
    assert document["Subject"] == 'ALARM: "web" in US East (N. Virginia)'
    reason = json.loads(document["Message"])["NewStateReason"]
    assert reason.endswith("1 missing datapoint was treated as [Breaching].")


def test_composite_alarms_follow_the_others(fast: LocalAws, cloudwatch: Any) -> None:
    topic = fast.client("sns").create_topic(Name="composite")["TopicArn"]
    url = queue_of(fast, topic, "composite")
    for name in ("left", "right"):
        alarm(cloudwatch, name, TreatMissingData="notBreaching")
    rule = 'ALARM("left") AND NOT ALARM(right)'
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule=rule, AlarmActions=[topic])
    reaches(cloudwatch, "both", "OK")
    put(cloudwatch, "left", 9)
    found = reaches(cloudwatch, "both", "ALARM")
    triggering = json.loads(found["StateReasonData"])["triggeringAlarms"]
    assert [each["arn"].rpartition(":")[2] for each in triggering] == ["left"]
    (message,) = [json.loads(each["Message"]) for each in received(fast, url)]
    assert message["AlarmRule"] == rule
    with pytest.raises(ClientError, match="do not exist"):
        cloudwatch.put_composite_alarm(AlarmName="more", AlarmRule="ALARM(nobody)")


def test_an_alarm_on_metric_math(cloudwatch: Any) -> None:
    def metric(name: str) -> dict[str, Any]:
        asked = {"Metric": {"Namespace": "shop", "MetricName": name}, "Period": 10, "Stat": "Sum"}
        return {"Id": name, "MetricStat": asked, "ReturnData": False}

    single = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    rate = {"Id": "rate", "Expression": "100 * errors / hits"}
    alarm(cloudwatch, "math", **single, Metrics=[metric("errors"), metric("hits"), rate])
    put(cloudwatch, "hits", 50)
    put(cloudwatch, "errors", 5)
    found = reaches(cloudwatch, "math", "ALARM")
    assert "[10.0 (" in found["StateReason"]
    assert [each["Id"] for each in found["Metrics"]] == ["errors", "hits", "rate"]


def test_a_state_that_was_set_lasts_until_the_next_evaluation(fast: LocalAws, cloudwatch: Any) -> None:
    topic = fast.client("sns").create_topic(Name="set")["TopicArn"]
    url = queue_of(fast, topic, "set")
    alarm(cloudwatch, "set", TreatMissingData="notBreaching", AlarmActions=[topic])
    reaches(cloudwatch, "set", "OK")
    cloudwatch.set_alarm_state(AlarmName="set", StateValue="ALARM", StateReason="drill")
    assert [json.loads(each["Message"])["NewStateReason"] for each in received(fast, url)] == ["drill"]
    reaches(cloudwatch, "set", "OK")


def test_an_alarm_whose_actions_are_disabled_only_changes(fast: LocalAws, cloudwatch: Any) -> None:
    topic = fast.client("sns").create_topic(Name="quiet")["TopicArn"]
    alarm(cloudwatch, "quiet", TreatMissingData="breaching", AlarmActions=[topic], ActionsEnabled=False)
    reaches(cloudwatch, "quiet", "ALARM")
    assert history(cloudwatch, "quiet", "Action") == []
    lost = f"{topic}-gone"
    alarm(cloudwatch, "lost", TreatMissingData="breaching", AlarmActions=[lost])
    reaches(cloudwatch, "lost", "ALARM")
    (failed,) = history(cloudwatch, "lost", "Action")
    assert failed["HistorySummary"].startswith(f"Failed to execute action {lost}.")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"Period": 45}, "multiple of 60"),
        ({"EvaluationPeriods": 2, "DatapointsToAlarm": 3}, "not more than EvaluationPeriods"),
        ({"TreatMissingData": "guess"}, "breaching, notBreaching, ignore and missing"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "Anomaly detection is not available"),
        ({"Period": 300, "EvaluationPeriods": 300}, "across more than a day"),
        ({"Statistic": None}, "Exactly one of Statistic"),
        ({"ExtendedStatistic": "p99"}, "Exactly one of Statistic"),
        ({"AlarmActions": ["topic"]}, "Invalid arn syntax"),
    ],
)
def test_alarms_that_are_refused(cloudwatch: Any, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        alarm(cloudwatch, "refused", **changed)
    assert cloudwatch.describe_alarms(AlarmNames=["refused"])["MetricAlarms"] == []


def test_state_history_and_messages_survive_a_killed_server(own_aws: LocalAws) -> None:
    own_aws.run("start", LOCALAWS_SAMPLE_SECONDS="1")
    topic = own_aws.client("sns").create_topic(Name="kept")["TopicArn"]
    url = queue_of(own_aws, topic, "kept")
    cloudwatch = own_aws.client("cloudwatch")
    alarm(cloudwatch, "kept", TreatMissingData="breaching", AlarmActions=[topic])
    before = reaches(cloudwatch, "kept", "ALARM")
    told = history(cloudwatch, "kept", "StateUpdate")
    os.kill(own_aws.status()["pid"], signal.SIGKILL)
    eventually(lambda: own_aws.status()["running"], lambda running: not running)
    own_aws.run("start", LOCALAWS_SAMPLE_SECONDS="1")
    cloudwatch = own_aws.client("cloudwatch")
    assert shown(cloudwatch, "kept") == before
    assert history(cloudwatch, "kept", "StateUpdate") == told
    assert len(received(own_aws, url)) == 1


@pytest.mark.engine
def test_a_storm_of_connections_fires_an_alarm(fast: LocalAws, cloudwatch: Any) -> None:
    rds = fast.client("rds")
    network = PublicNetwork(fast, "storm")
    rds.create_db_instance(**network.request("storm"))
    here = available(rds, "storm")
    alarm(
        cloudwatch,
        "storm",
        Namespace="AWS/RDS",
        MetricName="DatabaseConnections",
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": "storm"}],
        Threshold=3,
    )
    reaches(cloudwatch, "storm", "OK")
    clients = [connect(fast, here) for _ in range(5)]
    reaches(cloudwatch, "storm", "ALARM")
    for client in clients:
        client.close()
