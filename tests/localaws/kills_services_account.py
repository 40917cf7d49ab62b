"""The account in which the other services' parts are killed: how it is made, and whether it is in order."""

from __future__ import annotations

import json
import time
from typing import Any

import psycopg
import redis
from botocore.exceptions import BotoCoreError, ClientError
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.localaws.conftest import LocalAws
from tests.localaws.fix_dms import Scene
from tests.localaws.kills_account import DEADLINE, Lost
from tests.localaws.kills_services_load import BUCKET, ORDERS, Buyer, Caller, Shop, Uploader, Writing

NEVER = Retry(NoBackoff(), 0)
CLICKS = 5000
TRAIL_BUCKET = "kills-trail"
QUERIES = f"s3://{BUCKET}/results/"


class ServicesAccount:
    """Tables under transactions, objects, a trail, a cache with a replica, a migration, and a lake."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.dynamodb, self.s3 = aws.client("dynamodb"), aws.client("s3")
        self.cache, self.ssm = aws.client("elasticache"), aws.client("ssm")
        self.athena, self.trail = aws.client("athena"), aws.client("cloudtrail")
        self.stopped = False
        """Whether the migration is stopped on purpose."""
        self.scene = Scene(aws)
        self.scene.do("source", "create table before (n int primary key)")
        self.scene.do("source", "insert into before select generate_series(1, 20000)")
        self._create_table()
        self._create_lake()
        self._create_trail()
        self._create_cache()
        self.loads: list[Writing] = [Buyer(aws), Uploader(aws), Caller(aws), Shop(self.scene)]
        self.task = self.scene.create("move", "full-load-and-cdc")
        self.scene.start(self.task)
        self.settle()

    def _create_table(self) -> None:
        self.dynamodb.create_table(
            TableName=ORDERS,
            AttributeDefinitions=[
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "user", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-user",
                    "KeySchema": [{"AttributeName": "user", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        self.dynamodb.get_waiter("table_exists").wait(TableName=ORDERS, WaiterConfig={"Delay": 1})
        self.dynamodb.update_continuous_backups(
            TableName=ORDERS, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        self.dynamodb.update_time_to_live(
            TableName=ORDERS, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
        )

    def _create_lake(self) -> None:
        self.s3.create_bucket(Bucket=BUCKET)
        clicks = "".join(f"{n},page-{n % 10}\n" for n in range(CLICKS))
        self.s3.put_object(Bucket=BUCKET, Key="clicks/part.csv", Body=clicks.encode())
        self.query("create database lake")
        self.query(
            "create external table lake.clicks (user_id bigint, page string) "
            "row format delimited fields terminated by ',' "
            f"location 's3://{BUCKET}/clicks/'"
        )

    def _create_trail(self) -> None:
        self.s3.create_bucket(Bucket=TRAIL_BUCKET)
        statements = [
            {
                "Effect": "Allow",
                "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": ["s3:GetBucketAcl", "s3:PutObject"],
                "Resource": [f"arn:aws:s3:::{TRAIL_BUCKET}", f"arn:aws:s3:::{TRAIL_BUCKET}/*"],
            }
        ]
        policy = {"Version": "2012-10-17", "Statement": statements}
        self.s3.put_bucket_policy(Bucket=TRAIL_BUCKET, Policy=json.dumps(policy))
        self.trail.create_trail(Name="all", S3BucketName=TRAIL_BUCKET)
        self.trail.start_logging(Name="all")

    def _create_cache(self) -> None:
        ec2 = self.aws.client("ec2")
        group = self.scene.network.security_group
        ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                {
                    "IpProtocol": "tcp",
                    "FromPort": 6379,
                    "ToPort": 6379,
                    "UserIdGroupPairs": [{"GroupId": group}],
                }
            ],
        )
        self.aws.client("iam").create_instance_profile(InstanceProfileName="app")
        self.host = ec2.run_instances(
            ImageId="ami-12c6146b",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.scene.subnets[0],
            SecurityGroupIds=[group],
            IamInstanceProfile={"Name": "app"},
        )["Instances"][0]["InstanceId"]
        self.cache.create_cache_subnet_group(
            CacheSubnetGroupName="kills", CacheSubnetGroupDescription="kills", SubnetIds=self.scene.subnets
        )
        self.cache.create_replication_group(
            ReplicationGroupId="sessions",
            ReplicationGroupDescription="sessions",
            Engine="valkey",
            CacheNodeType="cache.t3.micro",
            NumCacheClusters=2,
            AutomaticFailoverEnabled=True,
            MultiAZEnabled=True,
            CacheSubnetGroupName="kills",
            SecurityGroupIds=[group],
            TransitEncryptionEnabled=False,
        )

    # -- order

    def settle(self) -> float:
        """Wait until everything is as it should be, and all writers write; seconds that took."""
        start = time.monotonic()
        counts = [len(each.acknowledged) for each in self.loads]
        trouble = "nothing was looked at"
        while time.monotonic() - start < DEADLINE:
            try:
                trouble = self._trouble() or self._idle(counts)
            except (ClientError, BotoCoreError, redis.RedisError, psycopg.Error) as error:
                trouble = f"{type(error).__name__}: {error}"
            if not trouble:
                return time.monotonic() - start
            time.sleep(0.1)
        raise Lost(f"no order after {DEADLINE:.0f} s: {trouble}")

    def _idle(self, counts: list[int]) -> str:
        for load, count in zip(self.loads, counts, strict=True):
            if load.is_alive() and len(load.acknowledged) <= count:
                return f"{type(load).__name__} does nothing: {load.refused}"
        return ""

    def _trouble(self) -> str:
        state = self.dynamodb.describe_table(TableName=ORDERS)["Table"]["TableStatus"]
        if state != "ACTIVE":
            return f"the table is {state}"
        task = self.scene.task(self.task)
        wanted = "stopped" if self.stopped else "running"
        if task["Status"] != wanted:
            return f"the migration is {task['Status']}: {task.get('LastFailureMessage', '')}"
        self.scene.rows("target", "select 1")
        if not self.trail.get_trail_status(Name="all")["IsLogging"]:
            return "the trail does not log"
        return self._cache_trouble()

    def _cache_trouble(self) -> str:
        [group] = self.cache.describe_replication_groups(ReplicationGroupId="sessions")["ReplicationGroups"]
        if group["Status"] != "available":
            return f"the cache is {group['Status']}"
        [nodes] = group["NodeGroups"]
        with self.through(nodes["PrimaryEndpoint"]) as primary:
            facts: Any = primary.info("replication")
            if facts["role"] != "master" or facts["connected_slaves"] != 1:
                return f"the primary endpoint leads to {facts['role']}, with {facts['connected_slaves']}"
            primary.set("beat", "there")
        with self.through(nodes["ReaderEndpoint"]) as reader:
            if reader.get("beat") != "there":
                return "the replica lacks what the primary has"
        return ""

    def through(self, endpoint: dict[str, Any]) -> redis.Redis:
        """A client of an endpoint, from the application's host."""
        session = self.ssm.start_session(
            Target=self.host,
            DocumentName="AWS-StartPortForwardingSessionToRemoteHost",
            Parameters={"host": [endpoint["Address"]], "portNumber": [str(endpoint["Port"])]},
        )
        port = int(session["StreamUrl"].rpartition(":")[2])
        return redis.Redis(port=port, decode_responses=True, socket_timeout=5, retry=NEVER)

    # -- the lake

    def begin_query(self, statement: str) -> str:
        """Begin a query; its id."""
        begun = self.athena.start_query_execution(
            QueryString=statement, ResultConfiguration={"OutputLocation": QUERIES}
        )
        return str(begun["QueryExecutionId"])

    def query_ended(self, identifier: str) -> str:
        """A query's state once it has one that lasts, and the reason."""
        deadline = time.monotonic() + DEADLINE
        while True:
            shown = self.athena.get_query_execution(QueryExecutionId=identifier)["QueryExecution"]["Status"]
            if shown["State"] not in ("QUEUED", "RUNNING"):
                return str(shown["State"])
            if time.monotonic() > deadline:
                raise Lost(f"a query is {shown['State']}")
            time.sleep(0.05)

    def query(self, statement: str) -> list[list[str]]:
        """Run a query; its rows, without the header."""
        identifier = self.begin_query(statement)
        if (state := self.query_ended(identifier)) != "SUCCEEDED":
            raise Lost(f"{statement} {state}")
        return self.results(identifier)

    def results(self, identifier: str) -> list[list[str]]:
        """The rows that a query has found, without the header."""
        rows = self.athena.get_query_results(QueryExecutionId=identifier)["ResultSet"]["Rows"]
        return [[str(cell.get("VarCharValue")) for cell in row["Data"]] for row in rows[1:]]
