"""A migration's scene: a server on premises, an RDS instance, and what DMS needs between them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from . import fix_rds
from .conftest import LocalAws

PASSWORD = fix_rds.PASSWORD
DEADLINE = 60.0
EVERYTHING = [("public", "%")]
BOTH = "full-load-and-cdc"


def mappings(*included: tuple[str, str], more: list[dict[str, Any]] | None = None) -> str:
    """Selection rules for (schema, table) pairs, and further rules."""
    rules = [
        {
            "rule-type": "selection",
            "rule-id": str(number),
            "rule-name": str(number),
            "object-locator": {"schema-name": schema, "table-name": table},
            "rule-action": "include",
        }
        for number, (schema, table) in enumerate(included or EVERYTHING, start=1)
    ]
    return json.dumps({"rules": [*rules, *(more or [])]})


class Scene:
    """The two databases, and DMS's resources; `source` and `target` are connections with autocommit."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.dms = aws.client("dms")
        self.network = fix_rds.PublicNetwork(aws, "migration")
        rds = aws.client("rds")
        rds.create_db_instance(**self.network.request("target"))
        self.here = json.loads(aws.run("onprem", "start", "--json").stdout)
        self.shown = fix_rds.available(rds, "target")
        self.instance = self._instance()
        self.source_arn = self.endpoint("source", **self.place("source"))
        self.target_arn = self.endpoint("target", **self.place("target"), SslMode="require")
        for arn in (self.source_arn, self.target_arn):
            self.test(arn)

    def _instance(self) -> str:
        group = self.dms.create_replication_subnet_group(
            ReplicationSubnetGroupIdentifier="migration",
            ReplicationSubnetGroupDescription="migration",
            SubnetIds=self.subnets,
        )["ReplicationSubnetGroup"]["ReplicationSubnetGroupIdentifier"]
        arn = self.dms.create_replication_instance(
            ReplicationInstanceIdentifier="mover",
            ReplicationInstanceClass="dms.t3.micro",
            ReplicationSubnetGroupIdentifier=group,
            VpcSecurityGroupIds=[self.network.security_group],
        )["ReplicationInstance"]["ReplicationInstanceArn"]
        self.dms.get_waiter("replication_instance_available").wait(
            Filters=[{"Name": "replication-instance-arn", "Values": [arn]}],
            WaiterConfig={"Delay": 1},
        )
        return str(arn)

    @property
    def subnets(self) -> list[str]:
        """The VPC's subnets."""
        found = self.aws.client("ec2").describe_subnets(
            Filters=[{"Name": "vpc-id", "Values": [self.network.vpc]}]
        )
        return [each["SubnetId"] for each in found["Subnets"]]

    def place(self, kind: str) -> dict[str, Any]:
        """What an endpoint for one of the two says."""
        if kind == "source":
            names = {"host": "ServerName", "port": "Port", "user": "Username", "password": "Password"}
            found = {name: self.here[key] for key, name in names.items()}
            return found | {"DatabaseName": self.here["dbname"]}
        end = self.shown["Endpoint"]
        return {
            "ServerName": end["Address"],
            "Port": end["Port"],
            "Username": "shop",
            "Password": PASSWORD,
            "DatabaseName": "shop",
        }

    def endpoint(self, kind: str, name: str = "", engine: str = "postgres", **asked: Any) -> str:
        """Make an endpoint."""
        made = self.dms.create_endpoint(
            EndpointIdentifier=name or f"the-{kind}", EndpointType=kind, EngineName=engine, **asked
        )
        return str(made["Endpoint"]["EndpointArn"])

    def test(self, endpoint: str, wanted: str = "successful") -> dict[str, Any]:
        """Try an endpoint; its connection as it is then."""
        self.dms.test_connection(ReplicationInstanceArn=self.instance, EndpointArn=endpoint)
        return dict(
            self.until(lambda: self.connection(endpoint), lambda each: bool(each["Status"] == wanted))
        )

    def connection(self, endpoint: str) -> dict[str, Any]:
        """An endpoint's connection."""
        found = self.dms.describe_connections(Filters=[{"Name": "endpoint-arn", "Values": [endpoint]}])
        return dict(found["Connections"][0])

    @contextlib.contextmanager
    def connect(self, kind: str) -> Iterator[psycopg.Connection[Any]]:
        """A connection to the source or the target."""
        if kind == "source":
            found = psycopg.connect(**{k: v for k, v in self.here.items() if k != "running"}, autocommit=True)
        else:
            found = fix_rds.connect(self.aws, self.shown)
        with contextlib.closing(found) as connection:
            yield connection

    def do(self, kind: str, *statements: str) -> None:
        """Run statements."""
        with self.connect(kind) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self, kind: str, query: str) -> list[Any]:
        """What a query gives."""
        with self.connect(kind) as connection:
            return connection.execute(query.encode()).fetchall()

    def create(self, name: str, migration: str = "full-load", table_mappings: str = "", **asked: Any) -> str:
        """Make a task that is ready."""
        settings = asked.pop("settings", None)
        if settings is not None:
            asked["ReplicationTaskSettings"] = json.dumps(settings)
        source = asked.pop("SourceEndpointArn", self.source_arn)
        arn = self.dms.create_replication_task(
            ReplicationTaskIdentifier=name,
            SourceEndpointArn=source,
            TargetEndpointArn=self.target_arn,
            ReplicationInstanceArn=self.instance,
            MigrationType=migration,
            TableMappings=table_mappings or mappings(),
            **asked,
        )["ReplicationTask"]["ReplicationTaskArn"]
        self.until(lambda: self.task(arn), lambda each: each["Status"] == "ready")
        return str(arn)

    def start(self, arn: str, how: str = "start-replication", **asked: Any) -> None:
        """Start a task."""
        self.dms.start_replication_task(ReplicationTaskArn=arn, StartReplicationTaskType=how, **asked)

    def run(self, arn: str, how: str = "start-replication", **asked: Any) -> dict[str, Any]:
        """Start a task and wait for its end."""
        self.start(arn, how, **asked)
        return self.ended(arn)

    def task(self, arn: str) -> dict[str, Any]:
        """A task as it is now."""
        found = self.dms.describe_replication_tasks(
            Filters=[{"Name": "replication-task-arn", "Values": [arn]}], WithoutSettings=True
        )
        return dict(found["ReplicationTasks"][0])

    def ended(self, arn: str) -> dict[str, Any]:
        """A task once it has stopped or failed."""
        ends = ("stopped", "failed")
        return dict(self.until(lambda: self.task(arn), lambda each: each["Status"] in ends))

    def running(self, arn: str) -> None:
        """Wait until a task runs and has loaded everything."""
        self.until(
            lambda: self.task(arn),
            lambda each: (
                each["Status"] == "running"
                and each.get("ReplicationTaskStats", {}).get("FullLoadProgressPercent") == 100
            ),
        )

    def stop(self, arn: str) -> dict[str, Any]:
        """Stop a task and wait for its end."""
        self.dms.stop_replication_task(ReplicationTaskArn=arn)
        return self.ended(arn)

    def delete(self, arn: str) -> None:
        """Delete a task, whatever it does, and wait until it is gone."""
        if self.task(arn)["Status"] in ("running", "starting"):
            self.stop(arn)
        self.dms.delete_replication_task(ReplicationTaskArn=arn)
        self.until(
            lambda: self.dms.describe_replication_tasks()["ReplicationTasks"],
            lambda tasks: all(task["ReplicationTaskArn"] != arn for task in tasks),
        )

    def statistics(self, arn: str, table: str) -> dict[str, Any]:
        """What DescribeTableStatistics tells of a table."""
        found = self.dms.describe_table_statistics(ReplicationTaskArn=arn)["TableStatistics"]
        return next((dict(line) for line in found if line["TableName"] == table), {})

    def same(self, query: str, target_query: str = "") -> None:
        """Wait until a query gives the same on both sides."""
        wanted = self.rows("source", query)

        def look() -> Any:
            try:
                return self.rows("target", target_query or query)
            except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable) as missing:
                return str(missing)

        self.until(look, lambda found: found == wanted)

    @staticmethod
    def until(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
        """What `look` returns once it is as wanted; fails at the deadline."""
        end = time.monotonic() + DEADLINE
        while not wanted(found := look()):
            assert time.monotonic() < end, f"still {json.dumps(found, default=str)[:3000]}"
            time.sleep(0.05)
        return found


@pytest.fixture(scope="module")
def scene(aws: LocalAws) -> Scene:
    """The scene of one file of tests."""
    return Scene(aws)


@pytest.fixture
def task(scene: Scene, request: pytest.FixtureRequest) -> str:
    """The name of a schema of the test's own at the source, for the tables of a task."""
    name = str(request.node.name).removeprefix("test_")[:40]
    scene.do("source", f"create schema {name}")
    return name


def begin(scene: Scene, schema: str, **asked: Any) -> str:
    """Start a task that loads a schema and follows its changes; it runs and has loaded."""
    arn = scene.create(schema.replace("_", "-"), BOTH, mappings((schema, "%")), **asked)
    scene.start(arn)
    scene.running(arn)
    return arn
