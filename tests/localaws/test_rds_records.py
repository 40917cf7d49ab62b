"""What RDS only keeps a record of answers mistakes with AWS's errors, not with a failure."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

SNAPSHOT = "arn:aws:rds:us-east-1:123456789012:snapshot:nothing"
ROLE = "arn:aws:iam::123456789012:role/nobody"


def _code(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    return str(refused.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    "operation",
    [
        "delete_db_proxy",
        "describe_db_proxy_targets",
        "describe_db_proxy_target_groups",
        "register_db_proxy_targets",
        "deregister_db_proxy_targets",
    ],
)
def test_a_proxy_that_is_not_there(aws: Any, operation: str) -> None:
    call = getattr(aws.client("rds"), operation)
    assert _code(call, DBProxyName="nobody") == "DBProxyNotFoundFault"


def test_a_proxy_without_a_way_to_log_in(aws: Any) -> None:
    request = {
        "DBProxyName": "p",
        "EngineFamily": "POSTGRESQL",
        "RoleArn": ROLE,
        "VpcSubnetIds": ["subnet-1"],
    }
    assert _code(aws.client("rds").create_db_proxy, **request) == "InvalidParameterValue"


def test_a_global_cluster_that_is_not_there(aws: Any) -> None:
    call = aws.client("rds").delete_global_cluster
    assert _code(call, GlobalClusterIdentifier="nobody") == "GlobalClusterNotFoundFault"


@pytest.mark.parametrize(
    ("source", "code"), [(SNAPSHOT, "DBSnapshotNotFound"), ("nothing", "InvalidParameterValue")]
)
def test_an_export_of_what_is_not_there(aws: Any, source: str, code: str) -> None:
    request = {"ExportTaskIdentifier": "e", "S3BucketName": "b", "IamRoleArn": ROLE, "KmsKeyId": "k"}
    assert _code(aws.client("rds").start_export_task, SourceArn=source, **request) == code


def test_a_restore_that_names_no_snapshot(aws: Any) -> None:
    call = aws.client("rds").restore_db_instance_from_db_snapshot
    assert _code(call, DBInstanceIdentifier="new") == "InvalidParameterValue"
