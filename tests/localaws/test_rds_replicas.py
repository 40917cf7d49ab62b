"""Read replicas: they follow, refuse writes, cascade, survive their source, and can be promoted."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from . import fix_nodes as nodes
from . import fix_rds as fix
from .conftest import LocalAws

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def own_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A localaws of this module: its server and its engines get killed."""
    local = LocalAws(tmp_path_factory.mktemp("replicas") / "state")
    local.start()
    yield local
    local.remove()


@pytest.fixture(scope="module")
def rds(own_aws: Any) -> Any:
    return own_aws.client("rds")


@pytest.fixture(scope="module")
def network(own_aws: Any, rds: Any) -> fix.PublicNetwork:
    return fix.PublicNetwork(own_aws, "replicas")


@pytest.fixture(scope="module")
def source(own_aws: Any, rds: Any, network: fix.PublicNetwork) -> dict[str, Any]:
    """A Multi-AZ source with a table, and a replica of it called `reader`."""
    rds.create_db_instance(**network.request("source", BackupRetentionPeriod=1, MultiAZ=True))
    shown = fix.available(rds, "source")
    with fix.connect(own_aws, shown) as session:
        session.execute("CREATE TABLE orders (id bigint)")
    rds.create_db_instance_read_replica(DBInstanceIdentifier="reader", SourceDBInstanceIdentifier="source")
    fix.available(rds, "reader")
    return shown


def order(aws: Any, shown: dict[str, Any], number: int) -> None:
    with fix.connect(aws, shown) as session:
        session.execute("INSERT INTO orders VALUES (%s)", [number])


def arrives(aws: Any, rds: Any, identifier: str, number: int) -> None:
    """Wait until a row can be read from a replica."""

    def look() -> bool:
        try:
            with fix.connect(aws, fix.instance(rds, identifier)) as session:
                return bool(session.execute("SELECT FROM orders WHERE id = %s", [number]).fetchone() == ())
        except psycopg.OperationalError:
            return False

    fix.eventually(look, bool)


def status(rds: Any, identifier: str) -> str:
    return str(fix.instance(rds, identifier)["StatusInfos"][0]["Status"])


def test_a_replica_follows_and_refuses_writes(own_aws: Any, rds: Any, source: Any) -> None:
    reader = fix.available(rds, "reader")
    assert reader["ReadReplicaSourceDBInstanceIdentifier"] == "source"
    assert fix.instance(rds, "source")["ReadReplicaDBInstanceIdentifiers"] == ["reader"]
    assert reader["Endpoint"]["Address"] != source["Endpoint"]["Address"]
    order(own_aws, source, 1)
    arrives(own_aws, rds, "reader", 1)
    with fix.connect(own_aws, reader) as session, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        session.execute("INSERT INTO orders VALUES (0)")
    assert status(rds, "reader") == "replicating"


def test_replicas_cascade(own_aws: Any, rds: Any, source: Any) -> None:
    rds.modify_db_instance(DBInstanceIdentifier="reader", BackupRetentionPeriod=1, ApplyImmediately=True)
    fix.eventually(lambda: fix.available(rds, "reader"), lambda each: each["BackupRetentionPeriod"] == 1)
    rds.create_db_instance_read_replica(DBInstanceIdentifier="second", SourceDBInstanceIdentifier="reader")
    fix.available(rds, "second")
    order(own_aws, source, 2)
    arrives(own_aws, rds, "second", 2)


def test_replicas_follow_through_a_failover_of_their_source(own_aws: Any, rds: Any, source: Any) -> None:
    nodes.in_sync(own_aws, "source")
    before = fix.instance(rds, "source")["AvailabilityZone"]
    nodes.kill(own_aws, "source", "primary")
    fix.eventually(lambda: fix.instance(rds, "source")["AvailabilityZone"], lambda zone: zone != before)
    order(own_aws, fix.available(rds, "source"), 3)
    arrives(own_aws, rds, "reader", 3)
    arrives(own_aws, rds, "second", 3)


def test_a_killed_replica_and_a_killed_localaws_come_back(own_aws: Any, rds: Any, source: Any) -> None:
    nodes.kill(own_aws, "reader", "primary")
    order(own_aws, source, 4)
    arrives(own_aws, rds, "reader", 4)
    os.kill(own_aws.status()["pid"], signal.SIGKILL)
    own_aws.start()
    order(own_aws, fix.available(rds, "source"), 5)
    arrives(own_aws, rds, "second", 5)
    with (
        fix.connect(own_aws, fix.available(rds, "reader")) as session,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        session.execute("INSERT INTO orders VALUES (0)")


def test_a_replica_in_another_region(own_aws: Any, rds: Any, source: Any) -> None:
    session = own_aws.session(region="eu-west-1")
    there = own_aws.client("rds", session=session)
    ec2 = own_aws.client("ec2", session=session)
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="far", Description="far", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=5432, ToPort=5432, CidrIp="0.0.0.0/0"
    )
    there.create_db_instance_read_replica(
        DBInstanceIdentifier="far",
        SourceDBInstanceIdentifier=fix.instance(rds, "source")["DBInstanceArn"],
        VpcSecurityGroupIds=[group],
        PubliclyAccessible=True,
    )
    fix.available(there, "far")
    order(own_aws, source, 6)
    arrives(own_aws, there, "far", 6)


def test_a_promoted_replica_takes_writes_and_keeps_its_own_replica(
    own_aws: Any, rds: Any, source: Any
) -> None:
    order(own_aws, source, 7)
    arrives(own_aws, rds, "second", 7)
    rds.promote_read_replica(DBInstanceIdentifier="reader", BackupRetentionPeriod=1)
    promoted = fix.eventually(
        lambda: fix.available(rds, "reader"),
        lambda each: "ReadReplicaSourceDBInstanceIdentifier" not in each,
    )
    order(own_aws, promoted, 8)
    arrives(own_aws, rds, "second", 8)
    with fix.connect(own_aws, fix.instance(rds, "source")) as session:
        assert session.execute("SELECT FROM orders WHERE id = 8").fetchone() is None


def test_replicas_outlive_their_source(own_aws: Any, rds: Any, source: Any) -> None:
    there = own_aws.client("rds", session=own_aws.session(region="eu-west-1"))
    rds.create_db_instance_read_replica(DBInstanceIdentifier="heir", SourceDBInstanceIdentifier="source")
    fix.available(rds, "heir")
    order(own_aws, source, 9)
    arrives(own_aws, there, "far", 9)
    rds.delete_db_instance(DBInstanceIdentifier="source", SkipFinalSnapshot=True)
    # one of the same Region is promoted, another is cut off and goes on serving reads
    promoted = fix.eventually(
        lambda: fix.available(rds, "heir"),
        lambda each: "ReadReplicaSourceDBInstanceIdentifier" not in each,
    )
    order(own_aws, promoted, 10)
    fix.eventually(lambda: status(there, "far"), lambda found: found == "terminated")
    arrives(own_aws, there, "far", 9)
    with fix.connect(own_aws, fix.available(there, "far")) as session:
        assert session.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
