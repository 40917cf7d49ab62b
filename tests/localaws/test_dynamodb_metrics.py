"""Metrics of tables: what was used, refused and returned, by table, index and operation."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .conftest import LocalAws, eventually
from .fix_dynamodb_tables import attributes, described, index, items, make_table, refusal

KIB = 1024
UNITS = {"ReadCapacityUnits": 6, "WriteCapacityUnits": 7}


@pytest.fixture(scope="module")
def dynamodb(fast: LocalAws) -> Any:
    return fast.client("dynamodb")


@pytest.fixture(scope="module")
def cloudwatch(fast: LocalAws) -> Any:
    return fast.client("cloudwatch")


def total(cloudwatch: Any, metric: str, statistic: str = "Sum", **dimensions: str) -> float:
    """A statistic of the last ten minutes; 0 while there are no points."""
    now = datetime.now(UTC)
    found = cloudwatch.get_metric_statistics(
        Namespace="AWS/DynamoDB",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(minutes=9),
        EndTime=now + timedelta(minutes=1),
        Period=600,
        Statistics=[statistic],
    )["Datapoints"]
    return float(max((point[statistic] for point in found), default=0.0))


def test_used_capacity_is_summed_for_the_table_and_its_index(dynamodb: Any, cloudwatch: Any) -> None:
    make_table(
        dynamodb,
        "used",
        AttributeDefinitions=attributes("id", "total:N"),
        ProvisionedThroughput=UNITS,
        GlobalSecondaryIndexes=[index("by-total", "total", ProvisionedThroughput=UNITS)],
    )
    for number in range(3):
        item = {"id": {"S": str(number)}, "total": {"N": "1"}, "text": {"S": "x" * 1500}}
        dynamodb.put_item(TableName="used", Item=item)
    for _ in range(4):
        dynamodb.get_item(TableName="used", Key={"id": {"S": "1"}}, ConsistentRead=True)
    of_index = {"TableName": "used", "GlobalSecondaryIndexName": "by-total"}
    eventually(lambda: total(cloudwatch, "ConsumedWriteCapacityUnits", TableName="used") == 6)
    eventually(lambda: total(cloudwatch, "ConsumedReadCapacityUnits", TableName="used") == 4)
    eventually(lambda: total(cloudwatch, "ConsumedWriteCapacityUnits", **of_index) == 6)
    assert total(cloudwatch, "ConsumedWriteCapacityUnits", "Average", TableName="used") == 2
    eventually(lambda: total(cloudwatch, "ProvisionedWriteCapacityUnits", "Maximum", TableName="used") == 7)
    eventually(lambda: total(cloudwatch, "ProvisionedReadCapacityUnits", "Maximum", **of_index) == 6)


def test_operations_are_timed_and_what_they_return_is_counted(dynamodb: Any, cloudwatch: Any) -> None:
    make_table(dynamodb, "timed")
    for number in range(5):
        dynamodb.put_item(TableName="timed", Item={"id": {"S": str(number)}})
    items(dynamodb, "timed")
    puts = {"TableName": "timed", "Operation": "PutItem"}
    eventually(lambda: total(cloudwatch, "SuccessfulRequestLatency", "SampleCount", **puts) == 5)
    assert 0 < total(cloudwatch, "SuccessfulRequestLatency", "Average", **puts) < 5000
    scans = {"TableName": "timed", "Operation": "Scan"}
    eventually(lambda: total(cloudwatch, "ReturnedItemCount", **scans) == 5)


def test_refusals_are_counted(dynamodb: Any, cloudwatch: Any) -> None:
    make_table(dynamodb, "refusing", OnDemandThroughput={"MaxWriteRequestUnits": 1})
    put = {"TableName": "refusing", "Item": {"id": {"S": "1"}, "text": {"S": "x" * 50 * KIB}}}
    dynamodb.put_item(**put)
    assert refusal(dynamodb.put_item, **put)[0] == "ThrottlingException"
    puts = {"TableName": "refusing", "Operation": "PutItem"}
    eventually(lambda: total(cloudwatch, "ThrottledRequests", **puts) == 1)
    eventually(lambda: total(cloudwatch, "WriteThrottleEvents", TableName="refusing") == 1)
    cause = "WriteMaxOnDemandThroughputThrottleEvents"
    eventually(lambda: total(cloudwatch, cause, TableName="refusing") == 1)


def test_failed_conditions_and_mistakes_are_counted(dynamodb: Any, cloudwatch: Any) -> None:
    make_table(dynamodb, "mistaken")
    dynamodb.put_item(TableName="mistaken", Item={"id": {"S": "1"}})
    put = {"TableName": "mistaken", "Item": {"id": {"S": "1"}}}
    condition = {"ConditionExpression": "attribute_not_exists(id)"}
    assert refusal(dynamodb.put_item, **put, **condition)[0] == "ConditionalCheckFailedException"
    assert (
        refusal(dynamodb.put_item, TableName="mistaken", Item={"a": {"S": "1"}})[0] == "ValidationException"
    )
    eventually(lambda: total(cloudwatch, "ConditionalCheckFailedRequests", TableName="mistaken") == 1)
    eventually(lambda: total(cloudwatch, "UserErrors") == 1)


def test_what_expired_is_counted_and_costs_nothing(dynamodb: Any, cloudwatch: Any) -> None:
    make_table(dynamodb, "expiring")
    for number in range(3):
        expires = {"N": str(int(time.time()) - 60)}
        dynamodb.put_item(TableName="expiring", Item={"id": {"S": str(number)}, "expires": expires})
    specification = {"Enabled": True, "AttributeName": "expires"}
    dynamodb.update_time_to_live(TableName="expiring", TimeToLiveSpecification=specification)
    eventually(lambda: total(cloudwatch, "TimeToLiveDeletedItemCount", TableName="expiring") == 3)
    eventually(lambda: total(cloudwatch, "ConsumedWriteCapacityUnits", TableName="expiring") == 3)


def test_an_alarm_tells_of_throttling(dynamodb: Any, cloudwatch: Any) -> None:
    make_table(dynamodb, "alarmed", OnDemandThroughput={"MaxWriteRequestUnits": 1})
    cloudwatch.put_metric_alarm(
        AlarmName="throttled",
        Namespace="AWS/DynamoDB",
        MetricName="WriteThrottleEvents",
        Dimensions=[{"Name": "TableName", "Value": "alarmed"}],
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    put = {"TableName": "alarmed", "Item": {"id": {"S": "1"}, "text": {"S": "x" * 50 * KIB}}}
    dynamodb.put_item(**put)

    def fires() -> bool:
        refusal(dynamodb.put_item, **put)
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=["throttled"])["MetricAlarms"]
        return bool(alarm["StateValue"] == "ALARM")

    eventually(fires)


def test_auto_scaling_keeps_the_bounds_and_follows_the_load(fast: LocalAws, dynamodb: Any) -> None:
    make_table(dynamodb, "scaled", ProvisionedThroughput=UNITS)
    scaling = fast.client("application-autoscaling")
    target = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/scaled",
        "ScalableDimension": "dynamodb:table:WriteCapacityUnits",
    }
    scaling.register_scalable_target(**target, MinCapacity=9, MaxCapacity=30)

    def provisioned() -> int:
        return int(described(dynamodb, "scaled")["ProvisionedThroughput"]["WriteCapacityUnits"])

    eventually(lambda: provisioned() == 9)
    scaling.put_scaling_policy(
        **target,
        PolicyName="half",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 50.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBWriteCapacityUtilization"},
        },
    )
    # 600 units in a minute are ten a second: at a half of them used, twenty are needed
    for number in range(6):
        item = {"id": {"S": str(number)}, "text": {"S": "x" * (100 * KIB - 100)}}
        dynamodb.put_item(TableName="scaled", Item=item)
    eventually(lambda: provisioned() == 20)
    assert described(dynamodb, "scaled")["ProvisionedThroughput"]["ReadCapacityUnits"] == 6
