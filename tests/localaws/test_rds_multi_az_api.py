"""Multi-AZ through the API, the model alone: zones, conversions, failovers and their events."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from .fix_rds_model import REGION, ModelOnly, refused


@pytest.fixture
def narrow(model: ModelOnly) -> str:
    """A subnet group in two zones."""
    return subnet_group(model, "narrow", ("us-east-1b", "us-east-1d"))


def subnet_group(model: ModelOnly, name: str, zones: tuple[str, ...]) -> str:
    subnets = model.client("ec2").describe_subnets(
        Filters=[{"Name": "availability-zone", "Values": list(zones)}]
    )["Subnets"]
    model.rds.create_db_subnet_group(
        DBSubnetGroupName=name,
        DBSubnetGroupDescription=name,
        SubnetIds=[each["SubnetId"] for each in subnets],
    )
    return name


def zones(shown: dict[str, Any]) -> tuple[str, str | None]:
    return shown["AvailabilityZone"], shown.get("SecondaryAvailabilityZone")


def test_created_in_two_zones(model: ModelOnly, narrow: str) -> None:
    made = model.create("twin", MultiAZ=True, DBSubnetGroupName=narrow)
    assert made["MultiAZ"]
    assert zones(made) == ("us-east-1b", "us-east-1d")
    alone = model.create("alone", AvailabilityZone="us-east-1d", DBSubnetGroupName=narrow)
    assert (alone["MultiAZ"], zones(alone)) == (False, ("us-east-1d", None))


def test_a_multi_az_instance_chooses_its_zones(model: ModelOnly) -> None:
    request = {
        "DBInstanceIdentifier": "twin",
        "Engine": "postgres",
        "DBInstanceClass": "db.t3.micro",
        "AllocatedStorage": 20,
        "MasterUsername": "shop",
        "MasterUserPassword": "correct-horse",
        "MultiAZ": True,
        "AvailabilityZone": "us-east-1a",
    }
    assert refused(model.rds.create_db_instance, **request) == (
        "InvalidParameterCombination",
        "Requesting a specific availability zone is not valid for Multi-AZ instances.",
    )


def test_converted_and_back(model: ModelOnly, narrow: str) -> None:
    model.create("shop", AvailabilityZone="us-east-1d", DBSubnetGroupName=narrow)
    modify = model.rds.modify_db_instance
    asked = modify(DBInstanceIdentifier="shop", MultiAZ=True, ApplyImmediately=True)["DBInstance"]
    assert (asked["DBInstanceStatus"], asked["MultiAZ"]) == ("modifying", False)
    assert asked["PendingModifiedValues"] == {"MultiAZ": True}
    assert zones(asked) == ("us-east-1d", None)
    assert model.backend().databases["shop"].standby_zone == "us-east-1b", "the controller has to know it"
    assert model.item("shop") == {"do": "modify", "changes": {"multi_az": True}, "restart": False}
    model.carry_out("shop")
    assert zones(model.shown("shop")) == ("us-east-1d", "us-east-1b")
    modify(DBInstanceIdentifier="shop", MultiAZ=False, ApplyImmediately=True)
    assert zones(model.shown("shop")) == ("us-east-1d", "us-east-1b")
    model.carry_out("shop")
    single = model.shown("shop")
    assert (single["MultiAZ"], zones(single)) == (False, ("us-east-1d", None))
    assert [each for each in model.told("shop") if "AZ" in each] == [
        "Applying modification to convert to a Multi-AZ DB instance",
        "Finished applying modification to convert to a Multi-AZ DB instance",
        "Applying modification to convert to a standard (Single-AZ) DB instance",
        "Finished applying modification to convert to a standard (Single-AZ) DB instance",
    ]


def test_a_conversion_waits_for_its_window(model: ModelOnly) -> None:
    shop = model.create("shop", PreferredMaintenanceWindow="fri:06:00-fri:07:00")
    model.rds.modify_db_instance(DBInstanceIdentifier="shop", MultiAZ=True)
    waiting = model.shown("shop")
    assert (waiting["DBInstanceStatus"], waiting["PendingModifiedValues"]) == ("available", {"MultiAZ": True})
    model.settle(REGION, "maintained", resource_id=shop["DbiResourceId"])
    assert model.shown("shop")["DBInstanceStatus"] == "modifying"
    model.carry_out("shop")
    assert model.shown("shop")["SecondaryAvailabilityZone"] != shop["AvailabilityZone"]


def test_another_change_does_not_lose_the_standby(model: ModelOnly) -> None:
    model.create("shop")
    for change in ({"MasterUserPassword": "another-one"}, {"MultiAZ": True}):
        model.rds.modify_db_instance(DBInstanceIdentifier="shop", ApplyImmediately=True, **change)
        if "MultiAZ" not in change:
            model.carry_out("shop")
    model.carry_out("shop")
    model.rds.modify_db_instance(
        DBInstanceIdentifier="shop", DBInstanceClass="db.t3.small", ApplyImmediately=True
    )
    model.carry_out("shop")
    assert model.shown("shop")["SecondaryAvailabilityZone"]


def test_restored_in_two_zones_only_when_asked(model: ModelOnly) -> None:
    model.create("shop", MultiAZ=True)
    model.rds.create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier="taken")
    model.carry_out("shop")
    restore = model.rds.restore_db_instance_from_db_snapshot
    for name, doubled in (("single", False), ("double", True)):
        extra = {"MultiAZ": True} if doubled else {}
        restore(DBInstanceIdentifier=name, DBSnapshotIdentifier="taken", **extra)
        model.carry_out(name)
        shown = model.shown(name)
        assert (shown["MultiAZ"], "SecondaryAvailabilityZone" in shown) == (doubled, doubled)


def test_a_forced_failover_swaps_the_zones(model: ModelOnly, narrow: str) -> None:
    before = model.create("twin", MultiAZ=True, DBSubnetGroupName=narrow)
    asked = model.rds.reboot_db_instance(DBInstanceIdentifier="twin", ForceFailover=True)["DBInstance"]
    assert asked["DBInstanceStatus"] == "rebooting"
    assert model.item("twin") == {"do": "reboot", "failover": True}
    model.carry_out("twin")
    after = model.shown("twin")
    assert after["DBInstanceStatus"] == "available"
    assert zones(after) == tuple(reversed(zones(before)))
    assert after["Endpoint"] == before["Endpoint"]
    assert model.told("twin")[-3:] == [
        "Multi-AZ instance failover started.",
        "DB instance restarted",
        "Multi-AZ instance failover completed",
    ]
    listed = model.rds.describe_events(SourceType="db-instance", EventCategories=["failover"])["Events"]
    assert len(listed) == 2


def test_a_failover_nobody_asked_for(model: ModelOnly, narrow: str) -> None:
    twin = model.create("twin", MultiAZ=True, DBSubnetGroupName=narrow)
    facts = {"resource_id": twin["DbiResourceId"], "zone": "us-east-1d"}
    reason = "The primary host of the RDS Multi-AZ instance is unhealthy."
    model.settle(REGION, "crashed", resource_id=twin["DbiResourceId"])
    assert model.shown("twin")["DBInstanceStatus"] == "rebooting"
    created = model.rds.describe_events(SourceType="db-instance")["Events"][-1]["Date"]
    began = created.replace(tzinfo=None) - datetime.timedelta(milliseconds=1)
    for _ in range(2):
        model.settle(REGION, "failed_over", **facts, reason=reason, began=began.isoformat())
    told = model.rds.describe_events(SourceType="db-instance", EventCategories=["failover"])["Events"]
    assert told[0]["Message"] == "Multi-AZ instance failover started."
    assert told[0]["Date"].replace(tzinfo=None) == began < told[1]["Date"].replace(tzinfo=None)
    after = model.shown("twin")
    assert (after["DBInstanceStatus"], zones(after)) == ("available", ("us-east-1d", "us-east-1b"))
    assert model.told("twin").count("Multi-AZ instance failover completed") == 1
    assert model.told("twin")[-1] == reason


def test_a_failover_needs_two_zones(model: ModelOnly) -> None:
    model.create("alone")
    code, _ = refused(model.rds.reboot_db_instance, DBInstanceIdentifier="alone", ForceFailover=True)
    assert code == "InvalidParameterCombination"
    model.rds.reboot_db_instance(DBInstanceIdentifier="alone", ForceFailover=False)
    assert model.carry_out("alone") == ["reboot"]


def test_both_zones_stop_and_start(model: ModelOnly, narrow: str) -> None:
    before = model.create("twin", MultiAZ=True, DBSubnetGroupName=narrow)
    model.rds.stop_db_instance(DBInstanceIdentifier="twin")
    model.carry_out("twin")
    assert model.shown("twin")["DBInstanceStatus"] == "stopped"
    model.rds.start_db_instance(DBInstanceIdentifier="twin")
    model.carry_out("twin")
    assert zones(model.shown("twin")) == zones(before)
