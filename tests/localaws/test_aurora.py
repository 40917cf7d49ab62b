"""Aurora with real servers: endpoints, failovers under a writer, volumes that outlive their members."""

from __future__ import annotations

import functools
import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from localaws.state import StateDir

from . import fix_nodes as nodes
from . import fix_rds as fix
from .conftest import LocalAws

pytestmark = pytest.mark.engine

ENGINE = "aurora-postgresql"
WHO = "SELECT aurora_db_instance_identifier()"


class Aurora:
    """A localaws of this module, and clusters in a public network."""

    def __init__(self, aws: Any) -> None:
        self.aws = aws
        self.network = fix.PublicNetwork(aws, "aurora")

    @property
    def rds(self) -> Any:
        return self.aws.client("rds")

    def create(self, name: str, *members: str) -> None:
        self.rds.create_db_cluster(
            DBClusterIdentifier=name,
            Engine=ENGINE,
            MasterUsername="shop",
            MasterUserPassword=fix.PASSWORD,
            DatabaseName="shop",
            **self.placed(),
        )
        for member in members:
            self.add(name, member)
        self.available(name)

    def placed(self) -> dict[str, Any]:
        return {
            "DBSubnetGroupName": self.network.subnet_group,
            "VpcSecurityGroupIds": [self.network.security_group],
        }

    def add(self, cluster: str, name: str, **changed: Any) -> None:
        self.rds.create_db_instance(
            DBInstanceIdentifier=name,
            DBClusterIdentifier=cluster,
            Engine=ENGINE,
            DBInstanceClass="db.r6g.large",
            PubliclyAccessible=True,
            **changed,
        )

    def shown(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
        return found

    def available(self, name: str) -> dict[str, Any]:
        """The cluster once it and all its members are available."""
        shown: dict[str, Any] = fix.eventually(
            lambda: self.shown(name), lambda each: each["Status"] == "available"
        )
        for member in shown["DBClusterMembers"]:
            fix.available(self.rds, member["DBInstanceIdentifier"])
        return self.shown(name)

    def writer(self, name: str) -> str:
        members = self.shown(name)["DBClusterMembers"]
        return next((each["DBInstanceIdentifier"] for each in members if each["IsClusterWriter"]), "")

    def place(self, cluster: str, key: str = "Endpoint") -> dict[str, Any]:
        """An endpoint of a cluster, as an instance would show its own."""
        shown = self.shown(cluster)
        return {"Endpoint": {"Address": shown[key], "Port": shown["Port"]}}

    def connect(self, cluster: str, key: str = "Endpoint") -> psycopg.Connection[Any]:
        return fix.connect(self.aws, self.place(cluster, key))

    def ask(self, cluster: str, query: Any, key: str = "Endpoint") -> list[Any]:
        """Rows of a query, from a connection of its own."""
        with self.connect(cluster, key) as session:
            answer = session.execute(query)
            return answer.fetchall() if answer.description else []

    def reached(self, cluster: str, key: str) -> set[str]:
        """Members that some connections in a row have reached."""
        return {self.ask(cluster, WHO, key)[0][0] for _ in range(6)}

    def pid(self, member: str) -> int:
        engines = json.loads((self.aws.state / "engines.json").read_text())
        return next(int(each["pid"]) for each in engines if each["name"] == member)


@pytest.fixture(scope="module")
def aurora(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aurora]:
    local = LocalAws(tmp_path_factory.mktemp("aurora") / "state")
    local.start()
    yield Aurora(local)
    local.remove()


@pytest.fixture(scope="module")
def shop(aurora: Aurora) -> str:
    """A cluster of two members that the tests of this module share."""
    aurora.create("shop", "one", "two")
    return "shop"


def test_the_writer_endpoint_takes_writes_and_the_reader_endpoint_refuses_them(
    aurora: Aurora, shop: str
) -> None:
    writer = aurora.writer(shop)
    aurora.ask(shop, "CREATE TABLE orders (id int)")
    aurora.ask(shop, "INSERT INTO orders VALUES (1)")
    assert aurora.reached(shop, "Endpoint") == {writer}
    assert aurora.reached(shop, "ReaderEndpoint") == {"one", "two"} - {writer}
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as caught:
        aurora.ask(shop, "INSERT INTO orders VALUES (2)", "ReaderEndpoint")
    assert caught.value.sqlstate == "25006"
    fix.eventually(
        lambda: aurora.ask(shop, "SELECT id FROM orders", "ReaderEndpoint"), lambda rows: rows == [(1,)]
    )
    assert aurora.ask(shop, "SELECT aurora_version()")[0][0] == aurora.shown(shop)["EngineVersion"]


def test_a_failover_under_a_writer_loses_no_row(aurora: Aurora, shop: str) -> None:
    aurora.available(shop)
    before, place = aurora.writer(shop), aurora.place(shop)
    with nodes.Writer(aurora.aws, place) as client:
        client.go_on()
        aurora.rds.failover_db_cluster(DBClusterIdentifier=shop)
        fix.eventually(lambda: aurora.writer(shop), lambda name: name != before)
        client.go_on()
    assert client.lost() == set()
    assert aurora.place(shop) == place
    assert aurora.reached(shop, "Endpoint") == {"one", "two"} - {before}
    aurora.available(shop)
    assert aurora.reached(shop, "ReaderEndpoint") == {before}


def test_a_killed_writer_is_replaced_by_the_reader_of_the_first_tier(aurora: Aurora, shop: str) -> None:
    aurora.add(shop, "three", PromotionTier=0)
    aurora.available(shop)
    before = aurora.writer(shop)
    assert aurora.reached(shop, "ReaderEndpoint") == {"one", "two", "three"} - {before}
    with nodes.Writer(aurora.aws, aurora.place(shop)) as client:
        client.go_on()
        os.kill(aurora.pid(before), signal.SIGKILL)
        fix.eventually(lambda: aurora.writer(shop), lambda name: name == "three")
        client.go_on()
    assert client.lost() == set()
    aurora.available(shop)
    assert aurora.reached(shop, "ReaderEndpoint") == {"one", "two"}


def test_a_custom_endpoint_leads_to_its_members_only(aurora: Aurora, shop: str) -> None:
    aurora.available(shop)
    name = {"DBClusterEndpointIdentifier": "reports"}
    aurora.rds.create_db_cluster_endpoint(
        DBClusterIdentifier=shop, EndpointType="ANY", StaticMembers=["two"], **name
    )

    def shown() -> dict[str, Any]:
        listed = aurora.rds.describe_db_cluster_endpoints(DBClusterIdentifier=shop, **name)
        return dict(listed["DBClusterEndpoints"][0])

    endpoint = fix.eventually(shown, lambda each: each["Status"] == "available")
    place = {"Endpoint": {"Address": endpoint["Endpoint"], "Port": 5432}}
    for _ in range(3):
        with fix.connect(aurora.aws, place) as session:
            assert session.execute(WHO).fetchone() == ("two",)
    aurora.rds.delete_db_cluster_endpoint(**name)
    fix.eventually(lambda: aurora.shown(shop).get("CustomEndpoints", []), lambda found: not found)
    with pytest.raises(psycopg.OperationalError):
        fix.connect(aurora.aws, place)


def test_parameters_are_in_force_in_every_member(aurora: Aurora, shop: str) -> None:
    aurora.available(shop)
    family = aurora.rds.describe_db_engine_versions(Engine=ENGINE, DefaultOnly=True)["DBEngineVersions"][0]
    group = {"DBClusterParameterGroupName": "tuned"}
    aurora.rds.create_db_cluster_parameter_group(
        **group, DBParameterGroupFamily=family["DBParameterGroupFamily"], Description="tuned"
    )
    aurora.rds.modify_db_cluster(DBClusterIdentifier=shop, **group)
    change = {"ParameterName": "work_mem", "ParameterValue": "7777", "ApplyMethod": "immediate"}
    aurora.rds.modify_db_cluster_parameter_group(**group, Parameters=[change])
    for key in ("Endpoint", "ReaderEndpoint"):
        look = functools.partial(aurora.ask, shop, "SHOW work_mem", key)
        fix.eventually(look, lambda rows: rows == [("7777kB",)])


def test_everything_is_there_after_localaws_was_killed(aurora: Aurora, shop: str) -> None:
    aurora.available(shop)
    writer = aurora.writer(shop)
    aurora.ask(shop, "INSERT INTO orders VALUES (3)")
    os.kill(int(aurora.aws.status()["pid"]), signal.SIGKILL)
    for member in ("one", "two"):
        os.kill(aurora.pid(member), signal.SIGKILL)
    aurora.aws.start()
    aurora.available(shop)
    assert aurora.writer(shop) == writer
    assert (3,) in aurora.ask(shop, "SELECT id FROM orders")
    assert aurora.reached(shop, "ReaderEndpoint") == {"one", "two", "three"} - {writer}


def test_a_deleted_writer_leaves_the_lead_to_a_reader(aurora: Aurora, shop: str) -> None:
    aurora.available(shop)
    writer, before = aurora.writer(shop), len(aurora.shown(shop)["DBClusterMembers"])
    aurora.rds.delete_db_instance(DBInstanceIdentifier=writer)
    fix.eventually(lambda: len(aurora.shown(shop)["DBClusterMembers"]), lambda count: count == before - 1)
    assert aurora.writer(shop) in {"one", "two", "three"} - {writer}
    aurora.ask(shop, "INSERT INTO orders VALUES (4)")


def test_a_stopped_cluster_says_so_and_starts_again(aurora: Aurora, shop: str) -> None:
    aurora.available(shop)
    aurora.rds.stop_db_cluster(DBClusterIdentifier=shop)
    fix.eventually(lambda: aurora.shown(shop)["Status"], lambda status: status == "stopped")
    with pytest.raises(psycopg.OperationalError, match="StartDBCluster"):
        aurora.connect(shop)
    aurora.rds.start_db_cluster(DBClusterIdentifier=shop)
    aurora.available(shop)
    assert (4,) in aurora.ask(shop, "SELECT id FROM orders")


def test_snapshot_recovery_and_a_volume_that_outlives_its_members(aurora: Aurora) -> None:
    aurora.create("books", "book")
    aurora.ask("books", "CREATE TABLE sold (id int)")
    aurora.ask("books", "INSERT INTO sold VALUES (1)")
    aurora.rds.create_db_cluster_snapshot(DBClusterIdentifier="books", DBClusterSnapshotIdentifier="one-sold")
    aurora.available("books")
    aurora.ask("books", "INSERT INTO sold VALUES (2)")
    ((before,),) = aurora.ask("books", "SELECT now()")
    fix.eventually(time.time, lambda now: now > before.timestamp() + 0.1)
    aurora.ask("books", "DELETE FROM sold")
    aurora.rds.delete_db_instance(DBInstanceIdentifier="book")
    fix.eventually(lambda: aurora.shown("books")["DBClusterMembers"], lambda members: not members)
    assert aurora.shown("books")["Status"] == "available"
    with pytest.raises(psycopg.OperationalError, match="CreateDBInstance"):
        aurora.connect("books")
    aurora.rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier="restored", SnapshotIdentifier="one-sold", Engine=ENGINE, **aurora.placed()
    )
    aurora.rds.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier="recovered",
        SourceDBClusterIdentifier="books",
        RestoreToTime=before,
        **aurora.placed(),
    )
    for cluster, rows in (("books", []), ("restored", [(1,)]), ("recovered", [(1,), (2,)])):
        aurora.add(cluster, f"{cluster}-again")
        aurora.available(cluster)
        assert aurora.ask(cluster, "SELECT id FROM sold ORDER BY id") == rows
        aurora.ask(cluster, "INSERT INTO sold VALUES (9)")


def test_the_password_of_a_cluster_without_members_can_change(aurora: Aurora) -> None:
    aurora.create("empty")
    change = {"MasterUserPassword": "another-secret-1", "ApplyImmediately": True}
    aurora.rds.modify_db_cluster(DBClusterIdentifier="empty", **change)
    aurora.available("empty")
    aurora.add("empty", "only")
    aurora.available("empty")
    with fix.connect(aurora.aws, aurora.place("empty"), "another-secret-1") as session:
        assert session.execute("SELECT 1").fetchall() == [(1,)]


def test_a_deleted_cluster_leaves_nothing(aurora: Aurora) -> None:
    aurora.create("brief", "brief-writer")
    member = fix.available(aurora.rds, "brief-writer")["DbiResourceId"]
    resources = (member, aurora.available("brief")["DbClusterResourceId"])
    engines = StateDir.open(aurora.aws.state).engines_root

    def data() -> list[str]:
        return [path.name for path in engines.iterdir() if any(each in path.name for each in resources)]

    assert data()
    aurora.rds.delete_db_instance(DBInstanceIdentifier="brief-writer")
    aurora.rds.delete_db_cluster(DBClusterIdentifier="brief", SkipFinalSnapshot=True)
    waiter = aurora.rds.get_waiter("db_cluster_deleted")
    waiter.wait(DBClusterIdentifier="brief", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    fix.eventually(data, lambda left: not left)
