"""Glue: the data catalog by AWS's rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localaws.conftest import LocalAws, code_of
from tests.localaws.fix_athena import Lake


@pytest.fixture(scope="module")
def glue(aws: LocalAws) -> Any:
    client = aws.client("glue")
    client.create_database(DatabaseInput={"Name": "Shop", "Description": "all of it"})
    client.create_table(
        DatabaseName="shop",
        TableInput={
            "Name": "Sales",
            "StorageDescriptor": storage("s3://glue-lake/sales/"),
            "PartitionKeys": [{"Name": "dt", "Type": "string"}],
        },
    )
    return client


def storage(location: str) -> dict[str, Any]:
    return {
        "Columns": [{"Name": "id", "Type": "int"}],
        "Location": location,
        "SerdeInfo": {
            "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
            "Parameters": {"field.delim": ","},
        },
    }


def test_names_are_kept_in_lower_case(glue: Any) -> None:
    assert glue.get_database(Name="SHOP")["Database"]["Name"] == "shop"
    assert glue.get_table(DatabaseName="shop", Name="SALES")["Table"]["Name"] == "sales"
    calls: tuple[Callable[[], Any], ...] = (
        lambda: glue.create_database(DatabaseInput={"Name": "shop"}),
        lambda: glue.create_table(DatabaseName="shop", TableInput={"Name": "sales"}),
    )
    for call in calls:
        with pytest.raises(ClientError) as caught:
            call()
        assert code_of(caught) == "AlreadyExistsException"


def test_what_is_missing(glue: Any) -> None:
    calls: tuple[Callable[[], Any], ...] = (
        lambda: glue.get_database(Name="nope"),
        lambda: glue.get_table(DatabaseName="shop", Name="nope"),
        lambda: glue.get_partition(DatabaseName="shop", TableName="sales", PartitionValues=["nope"]),
        lambda: glue.delete_table(DatabaseName="shop", Name="nope"),
    )
    for call in calls:
        with pytest.raises(ClientError) as caught:
            call()
        assert code_of(caught) == "EntityNotFoundException"


def test_partitions_come_in_pages_and_by_expression(glue: Any) -> None:
    days = [f"2026-01-{day:02}" for day in range(1, 6)]
    answer = glue.batch_create_partition(
        DatabaseName="shop",
        TableName="sales",
        PartitionInputList=[
            {"Values": [day], "StorageDescriptor": storage(f"s3://glue-lake/sales/dt={day}/")} for day in days
        ],
    )
    assert not answer.get("Errors")
    first = glue.get_partitions(DatabaseName="shop", TableName="sales", MaxResults=3)
    rest = glue.get_partitions(DatabaseName="shop", TableName="sales", NextToken=first["NextToken"])
    assert [each["Values"][0] for each in first["Partitions"] + rest["Partitions"]] == days
    found = glue.get_partitions(DatabaseName="shop", TableName="sales", Expression="dt > '2026-01-03'")
    assert [each["Values"] for each in found["Partitions"]] == [["2026-01-04"], ["2026-01-05"]]
    again = glue.batch_create_partition(
        DatabaseName="shop", TableName="sales", PartitionInputList=[{"Values": [days[0]]}]
    )
    assert again["Errors"][0]["ErrorDetail"]["ErrorCode"] == "AlreadyExistsException"


def test_a_partition_has_a_value_for_each_key(glue: Any) -> None:
    with pytest.raises(ClientError) as caught:
        glue.create_partition(DatabaseName="shop", TableName="sales", PartitionInput={"Values": ["a", "b"]})
    assert code_of(caught) == "InvalidInputException"


def test_an_updated_table_has_versions(glue: Any) -> None:
    glue.create_table(DatabaseName="shop", TableInput={"Name": "versions", "Description": "first"})
    glue.update_table(DatabaseName="shop", TableInput={"Name": "versions", "Description": "second"})
    assert glue.get_table(DatabaseName="shop", Name="versions")["Table"]["Description"] == "second"
    found = glue.get_table_versions(DatabaseName="shop", TableName="versions")["TableVersions"]
    assert sorted(each["Table"]["Description"] for each in found) == ["first", "second"]


def test_a_crawler_and_a_job_are_not_run_and_say_so(glue: Any) -> None:
    glue.create_crawler(Name="c", Role="r", Targets={"S3Targets": [{"Path": "s3://glue-lake/"}]})
    with pytest.raises(ClientError) as caught:
        glue.start_crawler(Name="c")
    assert "MSCK REPAIR TABLE" in str(caught.value)
    glue.create_job(Name="j", Role="r", Command={"Name": "glueetl"})
    with pytest.raises(ClientError) as caught:
        glue.start_job_run(JobName="j")
    assert code_of(caught) == "OperationNotSupportedException"


def test_athena_reads_what_glue_says(aws: LocalAws, glue: Any) -> None:
    lake = Lake(aws)
    lake.s3.create_bucket(Bucket="lake")
    lake.s3.create_bucket(Bucket="glue-lake")
    lake.s3.put_object(Bucket="glue-lake", Key="elsewhere/a", Body=b"7\n8\n")
    glue.create_partition(
        DatabaseName="shop",
        TableName="sales",
        PartitionInput={"Values": ["x y/z"], "StorageDescriptor": storage("s3://glue-lake/elsewhere/")},
    )
    assert lake.rows("SELECT id, dt FROM sales ORDER BY id") == [["id", "dt"], ["7", "x y/z"], ["8", "x y/z"]]
    glue.delete_table(DatabaseName="shop", Name="sales")
    assert lake.reason("SELECT * FROM sales").startswith("TABLE_NOT_FOUND")
