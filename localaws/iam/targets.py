"""Which permission a call needs, and on which resource.

AWS: "Actions, resources, and condition keys for AWS services" in the Service Authorization Reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localaws.bridge import backends
from localaws.bridge.operations import Operation

_PREFIXES = {
    "dynamodbstreams": "dynamodb",
    "efs": "elasticfilesystem",
    "elbv2": "elasticloadbalancing",
    "resourcegroupstaggingapi": "tag",
    "stepfunctions": "states",
}
_ACTIONS = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("s3", "ListObjects"): "ListBucket",
    ("s3", "ListObjectsV2"): "ListBucket",
    ("s3", "ListObjectVersions"): "ListBucketVersions",
    ("s3", "HeadBucket"): "ListBucket",
    ("s3", "HeadObject"): "GetObject",
    ("s3", "CopyObject"): "PutObject",
    ("s3", "CreateMultipartUpload"): "PutObject",
    ("s3", "UploadPart"): "PutObject",
    ("s3", "CompleteMultipartUpload"): "PutObject",
    ("s3", "DeleteObjects"): "DeleteObject",
    ("s3", "ListBuckets"): "ListAllMyBuckets",
    ("s3", "GetBucketEncryption"): "GetEncryptionConfiguration",
    ("s3", "PutBucketEncryption"): "PutEncryptionConfiguration",
    ("s3", "GetPublicAccessBlock"): "GetBucketPublicAccessBlock",
    ("s3", "PutPublicAccessBlock"): "PutBucketPublicAccessBlock",
    ("s3", "GetBucketLifecycleConfiguration"): "GetLifecycleConfiguration",
    ("s3", "PutBucketLifecycleConfiguration"): "PutLifecycleConfiguration",
}
_ITEMS = {
    "TransactWriteItems": {
        "Put": "PutItem",
        "Update": "UpdateItem",
        "Delete": "DeleteItem",
        "ConditionCheck": "ConditionCheckItem",
    },
    "TransactGetItems": {"Get": "GetItem"},
}
# parameter → what follows `arn:aws:<service>:<region>:<account>:`; the first that is given counts
_NAMED: dict[str, dict[str, str]] = {
    "rds": {
        "ResourceName": "",
        "DBSnapshotIdentifier": "snapshot:",
        "DBClusterSnapshotIdentifier": "cluster-snapshot:",
        "DBInstanceIdentifier": "db:",
        "TargetDBInstanceIdentifier": "db:",
        "DBClusterIdentifier": "cluster:",
        "DBSubnetGroupName": "subgrp:",
        "DBParameterGroupName": "pg:",
        "DBClusterParameterGroupName": "cluster-pg:",
        "OptionGroupName": "og:",
        "SubscriptionName": "es:",
    },
    "dynamodb": {
        "TableName": "table/",
        "TargetTableName": "table/",
        "TableArn": "",
        "ResourceArn": "",
        "BackupArn": "",
        "StreamArn": "",
    },
    "elasticache": {
        "ReplicationGroupId": "replicationgroup:",
        "CacheClusterId": "cluster:",
        "CacheSubnetGroupName": "subnetgroup:",
        "CacheParameterGroupName": "parametergroup:",
        "SnapshotName": "snapshot:",
        "UserGroupId": "usergroup:",
        "UserId": "user:",
    },
    "ec2": {
        "InstanceId": "instance/",
        "InstanceIds": "instance/",
        "GroupId": "security-group/",
        "SubnetId": "subnet/",
        "RouteTableId": "route-table/",
        "InternetGatewayId": "internet-gateway/",
        "VpcId": "vpc/",
        "VolumeId": "volume/",
        "KeyName": "key-pair/",
    },
    "lambda": {"FunctionName": "function:"},
    "cloudwatch": {"AlarmName": "alarm:", "AlarmNames": "alarm:"},
    "logs": {"logGroupName": "log-group:"},
    "sns": {"TopicArn": "", "Name": ""},
    "ssm": {"Name": "parameter/", "Target": "instance/", "InstanceIds": "instance/"},
    "cloudtrail": {"Name": "trail/", "TrailName": "trail/"},
    "redshift": {"ClusterIdentifier": "cluster:"},
    "redshift-data": {"ClusterIdentifier": "cluster:"},
    "dms": {
        "ReplicationTaskArn": "",
        "EndpointArn": "",
        "ReplicationInstanceArn": "",
        "ResourceArn": "",
    },
    "athena": {"WorkGroup": "workgroup/"},
    "glue": {"DatabaseName": "database/"},
    "ecs": {"cluster": "cluster/"},
}
_IAM = {
    "PolicyArn": "",
    "UserName": "user/",
    "RoleName": "role/",
    "GroupName": "group/",
    "InstanceProfileName": "instance-profile/",
    "PolicyName": "policy/",
}
_SERVICE_IN_ARN = {"redshift-data": "redshift"}
# EC2 and others know no resources for what they describe
_WITHOUT_RESOURCE = {
    "ec2": "Describe", "iam": "List", "cloudtrail": "LookupEvents", "secretsmanager": "ListSecrets",
    "kms": "ListKeys", "athena": "ListWorkGroups",
}  # fmt: skip


def of(operation: Operation, account_id: str, region: str) -> Iterator[tuple[str, str]]:
    """Yield (action, resource ARN) for everything that a call needs."""
    service, name = operation.service, operation.name
    if name in _ITEMS and service == "dynamodb":
        yield from _of_transaction(operation, account_id, region)
        return
    prefix = _PREFIXES.get(service, service)
    if service == "dynamodb" and "RequestItems" in operation.parameters:
        for table in operation.parameters["RequestItems"]:
            yield f"dynamodb:{name}", _arn("dynamodb", region, account_id, "table/", str(table))
        return
    action = f"{prefix}:{_ACTIONS.get((service, name), name)}"
    yield action, _resource(operation, account_id, region)


def _of_transaction(operation: Operation, account_id: str, region: str) -> Iterator[tuple[str, str]]:
    actions = _ITEMS[operation.name]
    for item in operation.parameters.get("TransactItems") or ():
        for kind, asked in item.items():
            if kind in actions:
                table = _arn("dynamodb", region, account_id, "table/", str(asked.get("TableName")))
                yield f"dynamodb:{actions[kind]}", table


def _resource(operation: Operation, account_id: str, region: str) -> str:
    service, asked = operation.service, operation.parameters
    if operation.name.startswith(_WITHOUT_RESOURCE.get(service, "\0")):
        return "*"
    special = _SPECIAL.get(service)
    if special is not None:
        return special(asked, account_id, region)
    arn_service = _SERVICE_IN_ARN.get(service, service)
    for parameter, prefix in _NAMED.get(service, {}).items():
        value = asked.get(parameter)
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, str) and value:
            arn = _arn(arn_service, region, account_id, prefix, value.lstrip("/"))
            index = asked.get("IndexName") if service == "dynamodb" else None
            return f"{arn}/index/{index}" if index else arn
    if service == "rds":
        return f"arn:aws:rds:{region}:{account_id}:{_kind_of_rds(operation.name)}:*"
    return "*"


def _kind_of_rds(name: str) -> str:
    kinds = {"ClusterSnapshot": "cluster-snapshot", "Snapshot": "snapshot", "Cluster": "cluster",
             "SubnetGroup": "subgrp", "ParameterGroup": "pg"}  # fmt: skip
    return next((kind for word, kind in kinds.items() if word in name), "db")


def _arn(service: str, region: str, account_id: str, prefix: str, name: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:{service}:{region}:{account_id}:{prefix}{name}"


def _bucket(asked: dict[str, Any], _account_id: str, _region: str) -> str:
    bucket = asked.get("Bucket")
    if not bucket:
        return "*"
    key = asked.get("Key")
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def _secret(asked: dict[str, Any], account_id: str, region: str) -> str:
    name = asked.get("SecretId") or asked.get("Name")
    if not name:
        return "*"
    for account, place, backend in backends.existing("secretsmanager"):
        if (account, place) == (account_id, region) and "SecretId" in asked:
            secret = backend.secrets.get(name)
            if secret is not None:
                return str(secret.arn)
    return _arn("secretsmanager", region, account_id, "secret:", str(name))


def _key(asked: dict[str, Any], account_id: str, region: str) -> str:
    name = str(asked.get("KeyId") or asked.get("TargetKeyId") or "")
    if not name:
        return "*"
    found = key_named(name, account_id, region)
    return str(found.arn) if found is not None else _arn("kms", region, account_id, "key/", name)


def key_named(name: str, account_id: str, region: str) -> Any | None:
    """Return moto's key of this id, alias or ARN, or None."""
    last = name.rpartition(":")[2]
    for account, place, backend in backends.existing("kms"):
        if (account, place) == (account_id, region):
            key_id = backend.get_key_id_from_alias(last) if last.startswith("alias/") else last
            return backend.keys.get(str(key_id or "").removeprefix("key/"))
    return None


def _person(asked: dict[str, Any], account_id: str, _region: str) -> str:
    for parameter, prefix in _IAM.items():
        if asked.get(parameter):
            return _arn("iam", "", account_id, prefix, str(asked[parameter]))
    return "*"


def _role(asked: dict[str, Any], _account_id: str, _region: str) -> str:
    return str(asked.get("RoleArn") or "*")


def _queue(asked: dict[str, Any], account_id: str, region: str) -> str:
    url = str(asked.get("QueueUrl") or asked.get("QueueName") or "")
    return _arn("sqs", region, account_id, "", url.rpartition("/")[2]) if url else "*"


_SPECIAL = {
    "s3": _bucket, "secretsmanager": _secret, "kms": _key, "iam": _person, "sts": _role, "sqs": _queue
}  # fmt: skip
