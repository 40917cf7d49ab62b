"""Storage: a small quota runs full, grows on request or by itself; a key is switched off and on again."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg
import pytest

from . import fix_rds as fix

pytestmark = pytest.mark.engine

SMALL = [{"Key": "localaws:mib-per-gib", "Value": "3"}]
"""20 GiB hold 60 MiB."""


@pytest.fixture(scope="module")
def rds(aws: Any) -> Any:
    return aws.client("rds")


@pytest.fixture(scope="module")
def network(aws: Any, rds: Any) -> fix.PublicNetwork:
    return fix.PublicNetwork(aws, "storage")


def fill(aws: Any, shown: dict[str, Any], mebibytes: int) -> None:
    """Write so much data, or as much as is let in."""
    with contextlib.suppress(psycopg.OperationalError), fix.connect(aws, shown) as session:
        session.execute("CREATE TABLE IF NOT EXISTS filled (x text)")
        for _ in range(mebibytes):
            session.execute("INSERT INTO filled SELECT repeat('x', 1000) FROM generate_series(1, 1000)")


def messages(rds: Any, identifier: str) -> str:
    events = rds.describe_events(SourceType="db-instance", SourceIdentifier=identifier)["Events"]
    return "\n".join(event["Message"] for event in events)


def test_full_storage_lets_nobody_in_until_it_grows(aws: Any, rds: Any, network: fix.PublicNetwork) -> None:
    rds.create_db_instance(**network.request("full", Tags=SMALL))
    shown = fix.available(rds, "full")
    fill(aws, shown, 60)
    fix.eventually(lambda: fix.instance(rds, "full")["DBInstanceStatus"], lambda each: each == "storage-full")

    def refusal() -> str:
        try:
            fix.connect(aws, shown).close()
        except psycopg.OperationalError as error:
            return str(error)
        return ""

    assert "AllocatedStorage" in fix.eventually(refusal, bool)
    rds.modify_db_instance(DBInstanceIdentifier="full", AllocatedStorage=60, ApplyImmediately=True)
    with fix.connect(aws, fix.available(rds, "full")) as session:
        row = session.execute("SELECT count(*) FROM filled").fetchone()
    assert row is not None
    assert row[0] >= 20_000


def test_storage_that_may_grow_grows_by_itself(aws: Any, rds: Any, network: fix.PublicNetwork) -> None:
    rds.create_db_instance(**network.request("growing", Tags=SMALL, MaxAllocatedStorage=200))
    shown = fix.available(rds, "growing")
    fill(aws, shown, 30)
    grown = fix.eventually(lambda: fix.available(rds, "growing"), lambda each: each["AllocatedStorage"] > 20)
    assert grown["AllocatedStorage"] <= 200
    assert "autoscaling" in messages(rds, "growing")
    with fix.connect(aws, grown) as session:
        session.execute("INSERT INTO filled VALUES ('more')")


def test_data_under_a_disabled_key_cannot_be_reached(aws: Any, rds: Any, network: fix.PublicNetwork) -> None:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    rds.create_db_instance(**network.request("sealed", StorageEncrypted=True, KmsKeyId=key))
    shown = fix.available(rds, "sealed")
    kms.disable_key(KeyId=key)
    fix.eventually(
        lambda: fix.instance(rds, "sealed")["DBInstanceStatus"], lambda each: each.startswith("inaccessible")
    )
    fix.eventually(lambda: _reachable(aws, shown), lambda found: not found)
    kms.enable_key(KeyId=key)
    rds.start_db_instance(DBInstanceIdentifier="sealed")
    assert _reachable(aws, fix.available(rds, "sealed"))


def _reachable(aws: Any, shown: dict[str, Any]) -> bool:
    try:
        fix.connect(aws, shown).close()
    except psycopg.OperationalError:
        return False
    return True
