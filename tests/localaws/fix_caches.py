"""A network with an application host in it, and caches beside that it reaches."""

from __future__ import annotations

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .conftest import eventually

NEVER = Retry(NoBackoff(), 0)
TOKEN = "correct-horse-battery"


class Lab:
    """A VPC's default network, an application host in it, and caches beside."""

    def __init__(self, aws: Any) -> None:
        self.aws = aws
        self.ec2, self.ssm, self.cache = aws.client("ec2"), aws.client("ssm"), aws.client("elasticache")
        self.iam = aws.client("iam")
        self.db, self.app, self.host = "", "", ""

    def build(self) -> Lab:
        self.iam.create_instance_profile(InstanceProfileName="caching")
        self.db, self.app = (
            self.ec2.create_security_group(GroupName=name, Description=name)["GroupId"]
            for name in ("cache-db", "cache-app")
        )
        made = self.ec2.run_instances(
            ImageId="ami-12c6146b",
            MinCount=1,
            MaxCount=1,
            SecurityGroupIds=[self.app],
            IamInstanceProfile={"Name": "caching"},
        )
        self.host = made["Instances"][0]["InstanceId"]
        self.allow()
        return self

    def allow(self) -> None:
        self.ec2.authorize_security_group_ingress(GroupId=self.db, IpPermissions=[self.rule()])

    def revoke(self) -> None:
        self.ec2.revoke_security_group_ingress(GroupId=self.db, IpPermissions=[self.rule()])

    def rule(self) -> dict[str, Any]:
        pair = {"GroupId": self.app}
        return {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "UserIdGroupPairs": [pair]}

    def create(self, name: str, **options: Any) -> dict[str, Any]:
        request = {"Engine": "redis", "CacheNodeType": "cache.t3.micro", "NumCacheNodes": 1, **options}
        made = self.cache.create_cache_cluster(CacheClusterId=name, SecurityGroupIds=[self.db], **request)
        assert made["CacheCluster"]["CacheClusterStatus"] == "creating"
        return self.available(name)

    def describe(self, name: str) -> dict[str, Any]:
        found = self.cache.describe_cache_clusters(CacheClusterId=name, ShowCacheNodeInfo=True)
        cluster: dict[str, Any] = found["CacheClusters"][0]
        return cluster

    def available(self, name: str) -> dict[str, Any]:
        eventually(lambda: self.describe(name)["CacheClusterStatus"] == "available")
        return self.describe(name)

    def delete(self, name: str) -> None:
        self.cache.delete_cache_cluster(CacheClusterId=name)
        eventually(lambda: self.gone(name))

    def gone(self, name: str) -> bool:
        found = self.cache.describe_cache_clusters()["CacheClusters"]
        return name not in {cluster["CacheClusterId"] for cluster in found}

    def through(self, endpoint: dict[str, Any], **options: Any) -> redis.Redis:
        session = self.ssm.start_session(
            Target=self.host,
            DocumentName="AWS-StartPortForwardingSessionToRemoteHost",
            Parameters={"host": [endpoint["Address"]], "portNumber": [str(endpoint["Port"])]},
        )
        port = int(session["StreamUrl"].rpartition(":")[2])
        return redis.Redis(port=port, decode_responses=True, socket_timeout=20, retry=NEVER, **options)

    def group(self, name: str) -> dict[str, Any]:
        found = self.cache.describe_replication_groups(ReplicationGroupId=name)
        group: dict[str, Any] = found["ReplicationGroups"][0]
        return group

    def create_group(self, name: str, **options: Any) -> dict[str, Any]:
        request = {"Engine": "valkey", "CacheNodeType": "cache.t3.micro", **options}
        made = self.cache.create_replication_group(
            ReplicationGroupId=name, ReplicationGroupDescription=name, SecurityGroupIds=[self.db], **request
        )
        assert made["ReplicationGroup"]["Status"] == "creating"
        return self.group_available(name)

    def group_available(self, name: str) -> dict[str, Any]:
        def ready() -> bool:
            group = self.group(name)
            states = {
                each["CacheClusterStatus"]
                for each in self.cache.describe_cache_clusters()["CacheClusters"]
                if each.get("ReplicationGroupId") == name
            }
            return group["Status"] == "available" and states == {"available"}

        eventually(ready)
        return self.group(name)

    def delete_group(self, name: str) -> None:
        self.cache.delete_replication_group(ReplicationGroupId=name)
        eventually(lambda: not any(each["ReplicationGroupId"] == name for each in self.groups()))

    def groups(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cache.describe_replication_groups()["ReplicationGroups"]
        return found

    def tls(self) -> dict[str, Any]:
        return {"ssl": True, "ssl_ca_certs": self.aws.status()["ca_bundle"], "ssl_check_hostname": False}


def shard_of(group: dict[str, Any]) -> dict[str, Any]:
    shard: dict[str, Any] = group["NodeGroups"][0]
    return shard


def primary_of(group: dict[str, Any]) -> str:
    members = shard_of(group)["NodeGroupMembers"]
    [name] = [each["CacheClusterId"] for each in members if each["CurrentRole"] == "primary"]
    return str(name)


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.ResponseError):
        return False


def endpoint_of(cluster: dict[str, Any]) -> dict[str, Any]:
    endpoint: dict[str, Any] = cluster["CacheNodes"][0]["Endpoint"]
    return endpoint
