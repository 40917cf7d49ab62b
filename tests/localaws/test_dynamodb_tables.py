"""Tables and indexes as their API tells of them: states, rules, and stores that come and go with them."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from botocore.config import Config

from .conftest import LocalAws, eventually
from .fix_dynamodb_tables import (
    PROVISIONED,
    attributes,
    definition,
    described,
    fill,
    index,
    items,
    key,
    make_table,
    refusal,
)

INVALID = "ValidationException"


@pytest.fixture(scope="module")
def dynamodb(aws: LocalAws) -> Any:
    return aws.client("dynamodb")


def stores(aws: LocalAws, table_id: str) -> list[str]:
    return [file.name for file in (aws.state / "dynamodb").rglob(f"{table_id}*")]


def test_a_table_is_active_when_it_has_a_store_and_leaves_nothing(aws: LocalAws, dynamodb: Any) -> None:
    begun = dynamodb.create_table(**definition("orders"))["TableDescription"]
    assert begun["TableStatus"] == "CREATING"
    dynamodb.get_waiter("table_exists").wait(TableName="orders")
    table = described(dynamodb, "orders")
    assert (table["TableStatus"], table["TableId"]) == ("ACTIVE", begun["TableId"])
    assert stores(aws, table["TableId"])
    assert (aws.state / "dynamodb").stat().st_mode & 0o077 == 0
    assert dynamodb.delete_table(TableName="orders")["TableDescription"]["TableStatus"] == "DELETING"
    dynamodb.get_waiter("table_not_exists").wait(TableName="orders")
    assert not stores(aws, table["TableId"])
    code, message = refusal(dynamodb.describe_table, TableName="orders")
    assert (code, message) == (
        "ResourceNotFoundException",
        "Requested resource not found: Table: orders not found",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"TableName": "ab"}, "at least 3 characters"),
        ({"TableName": "a b c"}, "regular expression"),
        ({"TableName": "a" * 256}, "at most 255"),
        ({"KeySchema": [{"AttributeName": "id", "KeyType": "RANGE"}]}, "not a HASH key type"),
        ({"KeySchema": key("id", "id")}, "same name"),
        ({"AttributeDefinitions": attributes("id", "more")}, "Number of attributes in KeySchema"),
        ({"AttributeDefinitions": attributes("id:X")}, "enum value set"),
        ({"AttributeDefinitions": attributes("id", "id")}, "attributes"),
        ({"BillingMode": "PROVISIONED"}, "must both be specified"),
        ({"ProvisionedThroughput": PROVISIONED, "BillingMode": "PAY_PER_REQUEST"}, "PAY_PER_REQUEST"),
        (
            {"BillingMode": "PROVISIONED", "ProvisionedThroughput": {**PROVISIONED, "ReadCapacityUnits": 0}},
            "greater than or equal to 1",
        ),
        ({"LocalSecondaryIndexes": [index("local", "id", "id2")]}, "not defined in AttributeDefinitions"),
        ({"GlobalSecondaryIndexes": []}, "List of GlobalSecondaryIndexes is empty"),
        ({"GlobalSecondaryIndexes": [index("twice", "id"), index("twice", "id")]}, "Duplicate index name"),
        ({"GlobalSecondaryIndexes": [index("ix", "id")]}, "length greater than or equal to 3"),
        ({"GlobalSecondaryIndexes": [index("all", "id", projection="SOME")]}, "Unknown ProjectionType"),
        ({"GlobalSecondaryIndexes": [index("all", "id", projection="INCLUDE")]}, "NonKeyAttributes"),
        ({"GlobalSecondaryIndexes": [index(f"all-{n}", "id") for n in range(21)]}, "per-table limit of 20"),
        ({"StreamSpecification": {"StreamEnabled": True}}, "StreamViewType is required"),
        ({"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "gone"}}, "KMS"),
    ],
)
def test_what_aws_refuses_is_refused(aws: LocalAws, change: dict[str, Any], message: str) -> None:
    unchecked = aws.client("dynamodb", config=Config(parameter_validation=False))
    code, said = refusal(unchecked.create_table, **{**definition("refused"), **change})
    assert (code, message in said) == (INVALID, True), said
    assert "refused" not in unchecked.list_tables()["TableNames"]


@pytest.mark.parametrize(
    ("indexes", "message"),
    [
        ([index("local", "id")], "does not have a range key for index"),
        ([index("local", "time", "id")], "same leading hash key"),
        ([index(f"local-{n}", "id", "time") for n in range(6)], "per-table limit of 5"),
    ],
)
def test_local_indexes_have_rules(dynamodb: Any, indexes: list[dict[str, Any]], message: str) -> None:
    request = definition("local", KeySchema=key("id", "time"), AttributeDefinitions=attributes("id", "time"))
    code, said = refusal(dynamodb.create_table, **request, LocalSecondaryIndexes=indexes)
    assert (code, message in said) == (INVALID, True), said


def test_a_table_is_protected_against_deletion(dynamodb: Any) -> None:
    make_table(dynamodb, "protected", DeletionProtectionEnabled=True)
    code, message = refusal(dynamodb.delete_table, TableName="protected")
    assert (code, "protected against deletion" in message) == (INVALID, True)
    dynamodb.update_table(TableName="protected", DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName="protected")


def test_names_are_taken_and_found_by_arn(dynamodb: Any) -> None:
    table = make_table(dynamodb, "taken")
    assert refusal(dynamodb.create_table, **definition("taken"))[0] == "ResourceInUseException"
    assert described(dynamodb, table["TableArn"])["TableName"] == "taken"


def test_tables_are_listed_in_pages(dynamodb: Any) -> None:
    for number in range(3):
        make_table(dynamodb, f"list-{number}")
    pages = dynamodb.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2})
    listed = [name for page in pages for name in page["TableNames"]]
    assert listed == sorted(listed)
    assert {"list-0", "list-1", "list-2"} <= set(listed)


def test_throughput_and_mode_are_changed(dynamodb: Any) -> None:
    make_table(dynamodb, "modes", ProvisionedThroughput=PROVISIONED)
    more = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 5}
    begun = dynamodb.update_table(TableName="modes", ProvisionedThroughput=more)["TableDescription"]
    assert begun["TableStatus"] == "UPDATING"
    table = described(dynamodb, "modes")
    assert (table["TableStatus"], table["ProvisionedThroughput"]["ReadCapacityUnits"]) == ("ACTIVE", 7)
    assert "LastIncreaseDateTime" in table["ProvisionedThroughput"]
    code, message = refusal(dynamodb.update_table, TableName="modes", ProvisionedThroughput=more)
    assert (code, "will not change" in message) == (INVALID, True)
    assert refusal(dynamodb.update_table, TableName="modes")[0] == INVALID
    dynamodb.update_table(TableName="modes", BillingMode="PAY_PER_REQUEST")
    table = described(dynamodb, "modes")
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 0
    assert refusal(dynamodb.update_table, TableName="modes", BillingMode="PROVISIONED")[0] == INVALID
    dynamodb.update_table(TableName="modes", BillingMode="PROVISIONED", ProvisionedThroughput=PROVISIONED)
    assert described(dynamodb, "modes")["ProvisionedThroughput"]["WriteCapacityUnits"] == 5


def test_a_new_index_takes_up_the_items_that_fit(dynamodb: Any) -> None:
    make_table(dynamodb, "backfill")
    written = [{"id": {"S": str(n)}, "total": {"N": str(n)}} for n in range(60)]
    fill(
        dynamodb, "backfill", [*written, {"id": {"S": "text"}, "total": {"S": "many"}}, {"id": {"S": "none"}}]
    )
    create = {"Create": index("by-total", "total", projection="KEYS_ONLY")}
    request = {"AttributeDefinitions": attributes("id", "total:N"), "GlobalSecondaryIndexUpdates": [create]}
    begun = dynamodb.update_table(TableName="backfill", **request)["TableDescription"]
    (new,) = begun["GlobalSecondaryIndexes"]
    assert (begun["TableStatus"], new["IndexStatus"], new["Backfilling"]) == ("UPDATING", "CREATING", True)
    eventually(lambda: described(dynamodb, "backfill")["TableStatus"] == "ACTIVE")
    table = described(dynamodb, "backfill")
    (new,) = table["GlobalSecondaryIndexes"]
    assert (new["IndexStatus"], new["ItemCount"], table["ItemCount"]) == ("ACTIVE", 60, 62)
    assert len(items(dynamodb, "backfill", IndexName="by-total")) == 60
    dynamodb.put_item(TableName="backfill", Item={"id": {"S": "late"}, "total": {"N": "61"}})
    assert len(items(dynamodb, "backfill", IndexName="by-total")) == 61


def test_an_index_is_deleted_one_change_at_a_time(dynamodb: Any) -> None:
    request = {"AttributeDefinitions": attributes("id", "total")}
    make_table(dynamodb, "drop", **request, GlobalSecondaryIndexes=[index("by-total", "total")])
    delete = {"Delete": {"IndexName": "by-total"}}
    both = [delete, {"Create": index("another", "total")}]
    code, message = refusal(
        dynamodb.update_table, TableName="drop", **request, GlobalSecondaryIndexUpdates=both
    )
    assert (code, "simultaneously" in message) == ("LimitExceededException", True)
    dynamodb.update_table(TableName="drop", GlobalSecondaryIndexUpdates=[delete])
    eventually(lambda: described(dynamodb, "drop")["TableStatus"] == "ACTIVE")
    table = described(dynamodb, "drop")
    assert "GlobalSecondaryIndexes" not in table
    assert table["AttributeDefinitions"] == attributes("id")
    code, _ = refusal(dynamodb.update_table, TableName="drop", GlobalSecondaryIndexUpdates=[delete])
    assert code == "ResourceNotFoundException"


def test_a_key_of_kms_has_to_exist(aws: LocalAws, dynamodb: Any) -> None:
    arn = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    encrypted = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn}
    table = make_table(dynamodb, "encrypted", SSESpecification=encrypted)
    assert table["SSEDescription"] == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": arn}


def test_tags_belong_to_the_table(dynamodb: Any) -> None:
    arn = make_table(dynamodb, "tagged", Tags=[{"Key": "team", "Value": "shop"}])["TableArn"]
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "web"}, {"Key": "a", "Value": "b"}])
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "web"}]
    code, _ = refusal(dynamodb.tag_resource, ResourceArn=f"{arn}-gone", Tags=[{"Key": "a", "Value": "b"}])
    assert code == "ResourceNotFoundException"


def test_what_infrastructure_tools_ask_is_answered(dynamodb: Any) -> None:
    make_table(dynamodb, "asked")
    backups = dynamodb.describe_continuous_backups(TableName="asked")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
    ttl = dynamodb.describe_time_to_live(TableName="asked")["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "DISABLED"}
    insights = dynamodb.describe_contributor_insights(TableName="asked")
    assert insights["ContributorInsightsStatus"] == "DISABLED"
    kinesis = dynamodb.describe_kinesis_streaming_destination(TableName="asked")
    assert kinesis["KinesisDataStreamDestinations"] == []
    assert dynamodb.describe_limits()["TableMaxReadCapacityUnits"] == 40_000


def test_what_is_absent_says_so(dynamodb: Any) -> None:
    make_table(dynamodb, "alone")
    updates = [{"Create": {"RegionName": "eu-west-1"}}]
    code, message = refusal(dynamodb.update_table, TableName="alone", ReplicaUpdates=updates)
    assert (code, "not available in this local AWS" in message) == (INVALID, True)


def test_tables_outlive_a_crash_and_orphans_do_not(own_aws: LocalAws) -> None:
    own_aws.start()
    dynamodb = own_aws.client("dynamodb")
    table = make_table(dynamodb, "kept")
    dynamodb.put_item(TableName="kept", Item={"id": {"S": "1"}})
    pid = own_aws.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    store = next((own_aws.state / "dynamodb").rglob(f"{table['TableId']}.sqlite"))
    orphan = store.with_name("11111111-2222-3333-4444-555555555555.sqlite")
    orphan.write_bytes(b"")
    unfinished = store.with_name(f".{store.name}.part")
    unfinished.write_bytes(b"half")
    own_aws.start()
    dynamodb = own_aws.client("dynamodb")
    assert described(dynamodb, "kept")["TableId"] == table["TableId"]
    assert items(dynamodb, "kept") == [{"id": {"S": "1"}}]
    assert not orphan.exists()
    assert not unfinished.exists()
