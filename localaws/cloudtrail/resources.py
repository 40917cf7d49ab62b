"""The resources of an event, found in its parameters and results by their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_RDS = {
    "dBInstanceIdentifier": "AWS::RDS::DBInstance",
    "newDBInstanceIdentifier": "AWS::RDS::DBInstance",
    "sourceDBInstanceIdentifier": "AWS::RDS::DBInstance",
    "targetDBInstanceIdentifier": "AWS::RDS::DBInstance",
    "dBClusterIdentifier": "AWS::RDS::DBCluster",
    "dBSnapshotIdentifier": "AWS::RDS::DBSnapshot",
    "dBClusterSnapshotIdentifier": "AWS::RDS::DBClusterSnapshot",
    "dBSubnetGroupName": "AWS::RDS::DBSubnetGroup",
    "dBParameterGroupName": "AWS::RDS::DBParameterGroup",
    "dBClusterParameterGroupName": "AWS::RDS::DBClusterParameterGroup",
    "optionGroupName": "AWS::RDS::OptionGroup",
    "globalClusterIdentifier": "AWS::RDS::GlobalCluster",
}
_EC2 = {
    "vpcId": "AWS::EC2::VPC",
    "subnetId": "AWS::EC2::Subnet",
    "groupId": "AWS::EC2::SecurityGroup",
    "instanceId": "AWS::EC2::Instance",
    "routeTableId": "AWS::EC2::RouteTable",
    "internetGatewayId": "AWS::EC2::InternetGateway",
    "natGatewayId": "AWS::EC2::NatGateway",
    "networkAclId": "AWS::EC2::NetworkAcl",
    "volumeId": "AWS::EC2::Volume",
    "keyName": "AWS::EC2::KeyPair",
}
_TYPES: dict[str, dict[str, str]] = {
    "rds": _RDS,
    "ec2": _EC2,
    "iam": {
        "userName": "AWS::IAM::User",
        "roleName": "AWS::IAM::Role",
        "groupName": "AWS::IAM::Group",
        "policyArn": "AWS::IAM::Policy",
        "accessKeyId": "AWS::IAM::AccessKey",
        "instanceProfileName": "AWS::IAM::InstanceProfile",
    },
    "sts": {"roleArn": "AWS::IAM::Role", "accessKeyId": "AWS::STS::AccessKey"},
    "kms": {"keyId": "AWS::KMS::Key", "targetKeyId": "AWS::KMS::Key", "aliasName": "AWS::KMS::Alias"},
    "secretsmanager": {
        "secretId": "AWS::SecretsManager::Secret",
        "aRN": "AWS::SecretsManager::Secret",
        "arn": "AWS::SecretsManager::Secret",
        "name": "AWS::SecretsManager::Secret",
    },
    "dynamodb": {
        "tableName": "AWS::DynamoDB::Table",
        "targetTableName": "AWS::DynamoDB::Table",
        "sourceTableName": "AWS::DynamoDB::Table",
        "backupArn": "AWS::DynamoDB::Backup",
    },
    "elasticache": {
        "cacheClusterId": "AWS::ElastiCache::CacheCluster",
        "replicationGroupId": "AWS::ElastiCache::ReplicationGroup",
        "cacheSubnetGroupName": "AWS::ElastiCache::SubnetGroup",
        "cacheParameterGroupName": "AWS::ElastiCache::ParameterGroup",
        "snapshotName": "AWS::ElastiCache::Snapshot",
    },
    "s3": {"bucketName": "AWS::S3::Bucket"},
    "cloudtrail": {"trailARN": "AWS::CloudTrail::Trail", "name": "AWS::CloudTrail::Trail"},
    "lambda": {"functionName": "AWS::Lambda::Function"},
    "logs": {"logGroupName": "AWS::Logs::LogGroup"},
    "sns": {"topicArn": "AWS::SNS::Topic"},
    "sqs": {"queueUrl": "AWS::SQS::Queue"},
    "redshift": {"clusterIdentifier": "AWS::Redshift::Cluster"},
    "dms": {
        "replicationTaskArn": "AWS::DMS::ReplicationTask",
        "replicationInstanceArn": "AWS::DMS::ReplicationInstance",
        "endpointArn": "AWS::DMS::Endpoint",
    },
    "athena": {"workGroup": "AWS::Athena::WorkGroup"},
    "glue": {"databaseName": "AWS::Glue::Database", "tableName": "AWS::Glue::Table"},
    "ssm": {"instanceId": "AWS::EC2::Instance"},
    "monitoring": {"alarmName": "AWS::CloudWatch::Alarm"},
}
_DEEP = 4
_MANY = 50


def found(service: str, *documents: Any) -> list[dict[str, str]]:
    """Return `[{"ResourceType", "ResourceName"}]` of the documents, each once, in their order."""
    types = _TYPES.get(service, {})
    pairs = dict.fromkeys(pair for document in documents for pair in _walk(document, types, _DEEP))
    return [{"ResourceType": kind, "ResourceName": name} for kind, name in list(pairs)[:_MANY]]


def _walk(document: Any, types: dict[str, str], deep: int) -> Iterator[tuple[str, str]]:
    if deep == 0:
        return
    if isinstance(document, list):
        for each in document:
            yield from _walk(each, types, deep)
    elif isinstance(document, dict):
        for name, value in document.items():
            if isinstance(value, str) and name in types and value:
                yield types[name], value
            elif isinstance(value, dict | list):
                yield from _walk(value, types, deep - 1)
