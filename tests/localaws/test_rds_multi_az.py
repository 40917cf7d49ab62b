"""Multi-AZ: whatever is killed, clients go on behind the same endpoint, and no acknowledged row is lost."""

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

COMPLETED = "Multi-AZ instance failover completed"


@pytest.fixture(scope="module")
def own_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A localaws of this module: its server and its engines get killed."""
    local = LocalAws(tmp_path_factory.mktemp("zones") / "state")
    local.start()
    yield local
    local.remove()


@pytest.fixture(scope="module")
def rds(own_aws: Any) -> Any:
    return own_aws.client("rds")


@pytest.fixture(scope="module")
def network(own_aws: Any, rds: Any) -> fix.PublicNetwork:
    return fix.PublicNetwork(own_aws, "zones")


@pytest.fixture(scope="module")
def shop(own_aws: Any, rds: Any, network: fix.PublicNetwork) -> dict[str, Any]:
    """A Multi-AZ instance that the tests of this module share."""
    rds.create_db_instance(**network.request("shop", MultiAZ=True))
    return fix.available(rds, "shop")


def failovers(rds: Any) -> int:
    return sum(COMPLETED in message for message in nodes.messages(rds, "shop"))


def zones(shown: dict[str, Any]) -> tuple[str, str]:
    return shown["AvailabilityZone"], shown["SecondaryAvailabilityZone"]


def taken_over(rds: Any, before: dict[str, Any]) -> dict[str, Any]:
    """The instance once its zones have changed places."""
    wanted = zones(before)[::-1]
    found = fix.eventually(lambda: fix.instance(rds, "shop"), lambda shown: zones(shown) == wanted)
    assert found["Endpoint"] == before["Endpoint"]
    return dict(fix.available(rds, "shop"))


def test_a_killed_primary_is_replaced_and_nothing_is_lost(own_aws: Any, rds: Any, shop: Any) -> None:
    before = fix.available(rds, "shop")
    assert before["MultiAZ"] is True
    assert len(set(zones(before))) == 2
    was = nodes.in_sync(own_aws, "shop")
    told = failovers(rds)
    with nodes.Writer(own_aws, before, 1) as first, nodes.Writer(own_aws, before, 2) as second:
        first.go_on()
        nodes.kill(own_aws, "shop", "primary")
        after = taken_over(rds, before)
        first.go_on()
        second.go_on()
    fix.eventually(lambda: failovers(rds), lambda count: count == told + 1)
    assert first.lost() == second.lost() == set()
    now = nodes.in_sync(own_aws, "shop")
    assert now["primary"]["pid"] == was["standby"]["pid"]
    with fix.connect(own_aws, after) as session:
        assert session.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)


def test_a_failover_on_request_swaps_the_zones(own_aws: Any, rds: Any, shop: Any) -> None:
    before = fix.available(rds, "shop")
    nodes.in_sync(own_aws, "shop")
    with nodes.Writer(own_aws, before, 3) as writer:
        writer.go_on()
        rds.reboot_db_instance(DBInstanceIdentifier="shop", ForceFailover=True)
        taken_over(rds, before)
        writer.go_on()
    assert writer.lost() == set()


def test_commits_go_on_without_a_killed_standby(own_aws: Any, rds: Any, shop: Any) -> None:
    before = fix.available(rds, "shop")
    was = nodes.in_sync(own_aws, "shop")
    with nodes.Writer(own_aws, before, 4) as writer:
        writer.go_on()
        nodes.kill(own_aws, "shop", "standby")
        writer.go_on(50)
        assert writer.refusals == []
        now = fix.eventually(
            lambda: nodes.in_sync(own_aws, "shop"),
            lambda found: found["standby"]["pid"] != was["standby"]["pid"],
        )
    assert now["primary"]["pid"] == was["primary"]["pid"]
    assert zones(fix.available(rds, "shop")) == zones(before)


def test_both_killed_come_back_with_every_row(own_aws: Any, rds: Any, shop: Any) -> None:
    before = fix.available(rds, "shop")
    nodes.in_sync(own_aws, "shop")
    with nodes.Writer(own_aws, before, 5) as writer:
        writer.go_on()
        nodes.kill(own_aws, "shop", "standby", "primary")
        writer.go_on()
    assert writer.lost() == set()
    nodes.in_sync(own_aws, "shop")


def test_localaws_killed_in_a_failover_finds_the_right_primary(own_aws: Any, rds: Any, shop: Any) -> None:
    before = fix.available(rds, "shop")
    nodes.in_sync(own_aws, "shop")
    server = own_aws.status()["pid"]
    with nodes.Writer(own_aws, before, 6) as writer:
        writer.go_on()
        nodes.kill(own_aws, "shop", "primary")
        os.kill(server, signal.SIGKILL)
        own_aws.start()
        fix.available(rds, "shop")
        writer.go_on()
    assert writer.lost() == set()
    nodes.in_sync(own_aws, "shop")


def test_both_servers_get_the_class(own_aws: Any, rds: Any, shop: Any) -> None:
    before = fix.available(rds, "shop")
    nodes.in_sync(own_aws, "shop")

    def connections() -> str:
        with fix.connect(own_aws, fix.available(rds, "shop")) as session:
            row = session.execute("SHOW max_connections").fetchone()
        assert row is not None
        return str(row[0])

    small = connections()
    for size in ("db.t3.medium", "db.t3.micro"):
        rds.modify_db_instance(DBInstanceIdentifier="shop", DBInstanceClass=size, ApplyImmediately=True)
        fix.available(rds, "shop")
        nodes.in_sync(own_aws, "shop")
        assert (connections() == small) is (size == before["DBInstanceClass"])
    rds.reboot_db_instance(DBInstanceIdentifier="shop", ForceFailover=True)
    taken_over(rds, before)
    assert connections() == small


def test_a_lost_zone(own_aws: Any, rds: Any, network: fix.PublicNetwork, shop: Any) -> None:
    before = fix.available(rds, "shop")
    nodes.in_sync(own_aws, "shop")
    lost = before["AvailabilityZone"]
    rds.create_db_instance(**network.request("alone", AvailabilityZone=lost))
    alone = fix.available(rds, "alone")
    with fix.connect(own_aws, alone) as session:
        session.execute("CREATE TABLE kept AS SELECT 1 AS id")
    with nodes.Writer(own_aws, before, 7) as writer:
        writer.go_on()
        own_aws.run("zone", "fail", lost)
        taken_over(rds, before)
        writer.go_on()
    assert writer.lost() == set()

    fix.eventually(lambda: fix.instance(rds, "alone"), lambda each: each["DBInstanceStatus"] != "available")
    with pytest.raises(psycopg.OperationalError, match=f"localaws zone restore {lost}"):
        fix.connect(own_aws, alone)
    assert nodes.engines(own_aws, "shop")["standby"]["pid"] is None

    own_aws.run("zone", "restore", lost)
    with fix.connect(own_aws, fix.available(rds, "alone")) as session:
        assert session.execute("SELECT id FROM kept").fetchone() == (1,)
    nodes.in_sync(own_aws, "shop")


def test_multi_az_comes_and_goes_while_clients_write(
    own_aws: Any, rds: Any, network: fix.PublicNetwork
) -> None:
    rds.create_db_instance(**network.request("single"))
    single = fix.available(rds, "single")
    assert "SecondaryAvailabilityZone" not in single
    with nodes.Writer(own_aws, single) as writer:
        rds.modify_db_instance(DBInstanceIdentifier="single", MultiAZ=True, ApplyImmediately=True)
        shown = fix.eventually(lambda: fix.available(rds, "single"), lambda each: each["MultiAZ"])
        assert shown["SecondaryAvailabilityZone"] != shown["AvailabilityZone"]
        nodes.in_sync(own_aws, "single")
        writer.go_on()
        rds.modify_db_instance(DBInstanceIdentifier="single", MultiAZ=False, ApplyImmediately=True)
        shown = fix.eventually(lambda: fix.available(rds, "single"), lambda each: not each["MultiAZ"])
        writer.go_on()
    assert writer.refusals == []
    assert writer.lost() == set()
    assert "SecondaryAvailabilityZone" not in shown
    fix.eventually(lambda: nodes.engines(own_aws, "single"), lambda found: "standby" not in found)
