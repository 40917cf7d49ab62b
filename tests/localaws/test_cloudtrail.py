"""CloudTrail: every call is in the history, and trails deliver it."""

from __future__ import annotations

import gzip
import json
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from .conftest import LocalAws, code_of, eventually


def user_session(aws: LocalAws, name: str) -> boto3.Session:
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")


def found(aws: LocalAws, key: str, value: str) -> list[dict[str, Any]]:
    pages = aws.client("cloudtrail").get_paginator("lookup_events")
    asked = [{"AttributeKey": key, "AttributeValue": value}]
    return [event for page in pages.paginate(LookupAttributes=asked) for event in page["Events"]]


def record(event: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(event["CloudTrailEvent"])
    return document


@pytest.fixture(scope="module")
def mallory(aws: LocalAws) -> boto3.Session:
    """A second user, whose calls are the odd ones out."""
    session = user_session(aws, "mallory")
    aws.client("secretsmanager").create_secret(Name="shop/db", SecretString="the-password")
    group = aws.client("ec2").describe_security_groups()["SecurityGroups"][0]["GroupId"]
    aws.client("ec2", session=session).authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=5432, ToPort=5432, CidrIp="0.0.0.0/0"
    )
    aws.client("secretsmanager", session=session).get_secret_value(SecretId="shop/db")
    with pytest.raises(ClientError):
        aws.client("rds", session=session).modify_db_instance(
            DBInstanceIdentifier="shop", MasterUserPassword="stolen-password"
        )
    return session


def test_the_odd_one_out(aws: LocalAws, mallory: boto3.Session) -> None:
    events = found(aws, "Username", "mallory")
    assert [event["EventName"] for event in events] == [
        "ModifyDBInstance",
        "GetSecretValue",
        "AuthorizeSecurityGroupIngress",
    ]
    key = mallory.get_credentials().access_key  # type: ignore[union-attr]
    assert {event["AccessKeyId"] for event in events} == {key}
    assert [event["EventId"] for event in found(aws, "AccessKeyId", key)] == [
        event["EventId"] for event in events
    ]
    opened = record(events[2])
    assert opened["userIdentity"]["arn"] == "arn:aws:iam::123456789012:user/mallory"
    assert opened["userIdentity"]["type"] == "IAMUser"
    assert opened["requestParameters"]["cidrIp"] == "0.0.0.0/0"
    assert opened["eventSource"] == "ec2.amazonaws.com"
    assert (opened["readOnly"], opened["managementEvent"], opened["eventCategory"]) == (
        False,
        True,
        "Management",
    )
    assert "Boto3" in opened["userAgent"]


def test_an_error_is_recorded_with_its_code_and_no_result(aws: LocalAws, mallory: boto3.Session) -> None:
    failed = record(found(aws, "EventName", "ModifyDBInstance")[0])
    assert failed["errorCode"] == "DBInstanceNotFound"
    assert failed["responseElements"] is None
    assert failed["requestParameters"] == {"dBInstanceIdentifier": "shop", "masterUserPassword": "****"}


def test_a_look_up_by_each_attribute(aws: LocalAws, mallory: boto3.Session) -> None:
    [read] = found(aws, "EventName", "GetSecretValue")
    assert read["ReadOnly"] == "true"
    assert read["Resources"] == [{"ResourceType": "AWS::SecretsManager::Secret", "ResourceName": "shop/db"}]
    assert [event["EventId"] for event in found(aws, "EventId", read["EventId"])] == [read["EventId"]]
    named = {event["EventName"] for event in found(aws, "ResourceName", "shop/db")}
    assert named == {"GetSecretValue", "CreateSecret"}
    kinds = {event["EventName"] for event in found(aws, "ResourceType", "AWS::SecretsManager::Secret")}
    assert kinds == named
    sources = {event["EventName"] for event in found(aws, "EventSource", "secretsmanager.amazonaws.com")}
    assert sources == named
    assert "GetSecretValue" not in {event["EventName"] for event in found(aws, "ReadOnly", "false")}


def test_secrets_are_nowhere_in_the_trail(aws: LocalAws, mallory: boto3.Session) -> None:
    found(aws, "ReadOnly", "false")
    secret = mallory.get_credentials().secret_key  # type: ignore[union-attr]
    words = [word.encode() for word in ("the-password", "stolen-password", secret)]
    aws.client("iam").list_users()
    events = [
        event["CloudTrailEvent"].encode()
        for page in aws.client("cloudtrail").get_paginator("lookup_events").paginate()
        for event in page["Events"]
    ]
    assert len(events) > 5
    assert not [event for event in events for word in words if word in event]


def test_pages_go_back_in_time(aws: LocalAws) -> None:
    for _ in range(5):
        aws.client("rds").describe_db_instances()
    trail = aws.client("cloudtrail")
    asked: dict[str, Any] = {
        "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "DescribeDBInstances"}]
    }
    first = trail.lookup_events(**asked, MaxResults=3)
    second = trail.lookup_events(**asked, MaxResults=3, NextToken=first["NextToken"])
    assert (len(first["Events"]), len(second["Events"])) == (3, 2)
    assert "NextToken" not in second
    times = [event["EventTime"] for event in first["Events"] + second["Events"]]
    assert times == sorted(times, reverse=True)
    with pytest.raises(ClientError) as caught:
        trail.lookup_events(NextToken=first["NextToken"])
    assert code_of(caught) == "InvalidNextTokenException"


def test_a_look_up_in_a_range_of_time(aws: LocalAws) -> None:
    aws.client("rds").describe_db_subnet_groups()
    trail, now = aws.client("cloudtrail"), datetime.now(UTC)
    hour = timedelta(hours=1)
    assert trail.lookup_events(StartTime=now - hour, EndTime=now + hour)["Events"]
    assert trail.lookup_events(EndTime=now - hour)["Events"] == []
    with pytest.raises(ClientError) as caught:
        trail.lookup_events(StartTime=now, EndTime=now - hour)
    assert code_of(caught) == "InvalidTimeRangeException"


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ([("EventName", "A"), ("Username", "b")], "InvalidLookupAttributesException"),
        ([("EventNames", "A")], "InvalidLookupAttributesException"),
    ],
)
def test_look_ups_that_aws_refuses(aws: LocalAws, attributes: list[tuple[str, str]], code: str) -> None:
    pairs = [{"AttributeKey": key, "AttributeValue": value} for key, value in attributes]
    with pytest.raises(ClientError) as caught:
        aws.client("cloudtrail").lookup_events(LookupAttributes=pairs)
    assert code_of(caught) == code


def test_the_owner_is_root_and_a_session_names_its_role(aws: LocalAws) -> None:
    trust = {"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}}
    role = aws.client("iam").create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    got = aws.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="web-1")["Credentials"]
    session = boto3.Session(
        got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"], region_name="us-east-1"
    )
    aws.client("sns", session=session).list_topics()
    [event] = found(aws, "Username", "web-1")
    identity = record(event)["userIdentity"]
    assert identity["type"] == "AssumedRole"
    assert identity["arn"] == "arn:aws:sts::123456789012:assumed-role/app/web-1"
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == role["Arn"]
    assumed = record(found(aws, "EventName", "AssumeRole")[0])
    assert assumed["userIdentity"]["type"] == "Root"
    assert assumed["responseElements"]["assumedRoleUser"]["arn"].endswith("assumed-role/app/web-1")
    assert got["SessionToken"] not in json.dumps(assumed)


def test_a_call_with_a_wrong_signature_is_told_of(aws: LocalAws) -> None:
    session = user_session(aws, "forgetful")
    key = session.get_credentials().access_key  # type: ignore[union-attr]
    wrong = boto3.Session(key, "not-the-secret", region_name="us-east-1")
    with pytest.raises(ClientError):
        aws.client("rds", session=wrong).describe_db_instances()
    [event] = found(aws, "AccessKeyId", key)
    assert record(event)["errorCode"] == "SignatureDoesNotMatch"


def test_data_events_are_not_in_the_history(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="quiet")
    s3.put_object(Bucket="quiet", Key="a", Body=b"1")
    s3.list_objects_v2(Bucket="quiet")
    names = {event["EventName"] for event in found(aws, "ResourceName", "quiet")}
    assert names == {"CreateBucket"}


def policy(bucket: str, prefix: str = "") -> str:
    service = {"Service": "cloudtrail.amazonaws.com"}
    files = f"arn:aws:s3:::{bucket}/{prefix}AWSLogs/123456789012/*"
    acl = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": service,
                    "Action": "s3:GetBucketAcl",
                    "Resource": f"arn:aws:s3:::{bucket}",
                },
                {
                    "Effect": "Allow",
                    "Principal": service,
                    "Action": "s3:PutObject",
                    "Resource": files,
                    "Condition": acl,
                },
            ],
        }
    )


def delivered(aws: LocalAws, bucket: str) -> list[dict[str, Any]]:
    s3 = aws.client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    files = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys if key.endswith(".json.gz")]
    return [event for file in files for event in json.loads(gzip.decompress(file))["Records"]]


def test_a_bucket_must_let_cloudtrail_write(aws: LocalAws) -> None:
    trail = aws.client("cloudtrail")
    aws.client("s3").create_bucket(Bucket="closed")
    with pytest.raises(ClientError) as caught:
        trail.create_trail(Name="closed", S3BucketName="closed")
    assert code_of(caught) == "InsufficientS3BucketPolicyException"
    with pytest.raises(ClientError) as caught:
        trail.create_trail(Name="closed", S3BucketName="there-is-no-such-bucket")
    assert code_of(caught) == "S3BucketDoesNotExistException"
    assert trail.describe_trails(trailNameList=["closed"])["trailList"] == []


def test_a_trail_delivers_what_happens_while_it_logs(aws: LocalAws) -> None:
    s3, trail, rds = aws.client("s3"), aws.client("cloudtrail"), aws.client("rds")
    s3.create_bucket(Bucket="audit")
    s3.put_bucket_policy(Bucket="audit", Policy=policy("audit", "shop/"))
    trail.create_trail(Name="audit", S3BucketName="audit", S3KeyPrefix="shop")
    before = trail.get_trail_status(Name="audit")
    assert before["IsLogging"] is False
    assert before["LatestDeliveryAttemptTime"] == before["LatestNotificationAttemptTime"] == ""
    rds.describe_db_snapshots()
    trail.start_logging(Name="audit")
    rds.describe_db_parameter_groups()
    eventually(lambda: "DescribeDBParameterGroups" in {each["eventName"] for each in delivered(aws, "audit")})
    names = {each["eventName"] for each in delivered(aws, "audit")}
    assert "DescribeDBSnapshots" not in names
    key = s3.list_objects_v2(Bucket="audit")["Contents"][0]["Key"]
    assert key.startswith(f"shop/AWSLogs/123456789012/CloudTrail/us-east-1/{datetime.now(UTC):%Y/}")
    after = trail.get_trail_status(Name="audit")
    assert after["LatestDeliveryTime"]
    assert after["LatestDeliveryAttemptTime"] == after["LatestDeliveryAttemptSucceeded"] != ""
    trail.stop_logging(Name="audit")
    rds.describe_option_groups()
    assert found(aws, "EventName", "DescribeOptionGroups")
    trail.start_logging(Name="audit")
    rds.describe_events()
    eventually(lambda: "DescribeEvents" in {each["eventName"] for each in delivered(aws, "audit")})
    events = delivered(aws, "audit")
    assert "DescribeOptionGroups" not in {each["eventName"] for each in events}
    assert len({each["eventID"] for each in events}) == len(events)
    trail.delete_trail(Name="audit")


def test_data_events_that_a_trail_selects(aws: LocalAws) -> None:
    s3, trail = aws.client("s3"), aws.client("cloudtrail")
    for bucket in ("data-events", "watched", "unwatched"):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_policy(Bucket="data-events", Policy=policy("data-events"))
    trail.create_trail(Name="objects", S3BucketName="data-events")
    wanted = {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::watched/"]}
    selector = {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": False, "DataResources": [wanted]}
    trail.put_event_selectors(TrailName="objects", EventSelectors=[selector])
    trail.start_logging(Name="objects")
    s3.put_object(Bucket="unwatched", Key="x", Body=b"x")
    s3.put_object(Bucket="watched", Key="orders/1.json", Body=b"{}")
    s3.get_object(Bucket="watched", Key="orders/1.json")
    s3.delete_object(Bucket="watched", Key="orders/1.json")
    eventually(lambda: len(delivered(aws, "data-events")) >= 2)
    events = delivered(aws, "data-events")
    # two files of one second are in no order
    assert sorted(each["eventName"] for each in events) == ["DeleteObject", "PutObject"]
    assert events[0]["requestParameters"]["key"] == "orders/1.json"
    assert events[0]["eventCategory"] == "Data"
    trail.delete_trail(Name="objects")


def test_items_by_an_advanced_selector_and_a_log_group(aws: LocalAws) -> None:
    s3, trail, items, logs = (aws.client(name) for name in ("s3", "cloudtrail", "dynamodb", "logs"))
    s3.create_bucket(Bucket="item-events")
    s3.put_bucket_policy(Bucket="item-events", Policy=policy("item-events"))
    logs.create_log_group(logGroupName="trail")
    for table in ("carts", "users"):
        items.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        items.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:trail:*"
    role = "arn:aws:iam::123456789012:role/trail"
    trail.create_trail(
        Name="items", S3BucketName="item-events", CloudWatchLogsLogGroupArn=arn, CloudWatchLogsRoleArn=role
    )
    fields = [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::DynamoDB::Table"]},
        {"Field": "resources.ARN", "EndsWith": ["table/carts"]},
    ]
    trail.put_event_selectors(TrailName="items", AdvancedEventSelectors=[{"FieldSelectors": fields}])
    trail.start_logging(Name="items")
    items.put_item(TableName="users", Item={"id": {"S": "1"}})
    items.put_item(TableName="carts", Item={"id": {"S": "1"}, "card": {"S": "4111-1111"}})
    items.get_item(TableName="carts", Key={"id": {"S": "1"}})
    card = {"Put": {"TableName": "carts", "Item": {"id": {"S": "2"}, "card": {"S": "4111-1111"}}}}
    items.transact_write_items(TransactItems=[card])
    items.batch_write_item(RequestItems={"carts": [{"PutRequest": {"Item": card["Put"]["Item"]}}]})
    eventually(lambda: len(delivered(aws, "item-events")) >= 4)
    events = delivered(aws, "item-events")
    # files of one second are in no order
    assert sorted(each["eventName"] for each in events) == [
        "BatchWriteItem", "GetItem", "PutItem", "TransactWriteItems",
    ]  # fmt: skip
    assert {resource["ARN"] for each in events for resource in each["resources"]} == {
        "arn:aws:dynamodb:us-east-1:123456789012:table/carts"
    }
    assert "4111" not in json.dumps(events)
    stream = {"logGroupName": "trail", "logStreamName": "123456789012_CloudTrail_us-east-1"}
    eventually(lambda: len(logs.get_log_events(**stream)["events"]) == 4)
    trail.delete_trail(Name="items")


def test_a_call_that_rds_makes(aws: LocalAws) -> None:
    aws.client("rds").create_db_cluster(
        DBClusterIdentifier="managed",
        Engine="aurora-postgresql",
        MasterUsername="boss",
        ManageMasterUserPassword=True,
    )
    events = [record(event) for event in found(aws, "EventName", "CreateSecret")]
    [made] = [event for event in events if event["userIdentity"].get("invokedBy")]
    assert made["userIdentity"]["invokedBy"] == made["sourceIPAddress"] == "rds.amazonaws.com"
    assert made["requestParameters"]["name"].startswith("rds!cluster-")


def test_nothing_acknowledged_is_missing_after_a_kill(own_aws: LocalAws) -> None:
    own_aws.start()
    iam, s3, trail = (own_aws.client(name) for name in ("iam", "s3", "cloudtrail"))
    s3.create_bucket(Bucket="audit")
    s3.put_bucket_policy(Bucket="audit", Policy=policy("audit"))
    trail.create_trail(Name="audit", S3BucketName="audit")
    trail.start_logging(Name="audit")
    for number in range(20):
        iam.create_user(UserName=f"user-{number}")
    os.kill(own_aws.status()["pid"], signal.SIGKILL)
    own_aws.start()
    created = found(own_aws, "EventName", "CreateUser")
    names = [record(event)["requestParameters"]["userName"] for event in created]
    assert names == [f"user-{number}" for number in reversed(range(20))]

    def users() -> list[str]:
        events = delivered(own_aws, "audit")
        return [each["eventID"] for each in events if each["eventName"] == "CreateUser"]

    eventually(lambda: len(users()) >= 20)
    assert len(set(users())) == len(users()) == 20
    own_aws.stop()
    own_aws.start()
    assert len(found(own_aws, "EventName", "CreateUser")) == 20
