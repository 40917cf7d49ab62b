"""Automated backups: any second comes back, always in a new instance, also after the source is gone."""

from __future__ import annotations

import datetime
from typing import Any

import psycopg
import pytest

from . import fix_rds as fix

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def rds(aws: Any) -> Any:
    return aws.client("rds")


@pytest.fixture(scope="module")
def network(aws: Any, rds: Any) -> fix.PublicNetwork:
    return fix.PublicNetwork(aws, "recovery")


@pytest.fixture(scope="module")
def ledger(aws: Any, rds: Any, network: fix.PublicNetwork) -> dict[str, Any]:
    """An instance with automated backups and a table."""
    rds.create_db_instance(**network.request("ledger", BackupRetentionPeriod=2))
    fix.available(rds, "ledger")
    shown: dict[str, Any] = fix.eventually(
        lambda: fix.instance(rds, "ledger"), lambda each: "LatestRestorableTime" in each
    )
    with fix.connect(aws, shown) as session:
        session.execute("CREATE TABLE entries (id bigint)")
    return shown


def enter(aws: Any, shown: dict[str, Any], number: int) -> datetime.datetime:
    """Commit a row, and return the first whole second after it (by the server's clock)."""
    with fix.connect(aws, shown) as session:
        session.execute("INSERT INTO entries VALUES (%s)", [number])
        found = session.execute("SELECT date_trunc('second', clock_timestamp()) + interval '1 second'")
        row = found.fetchone()
        assert row is not None
        session.execute("SELECT pg_sleep(extract(epoch FROM %s::timestamptz - clock_timestamp()))", [row[0]])
    moment: datetime.datetime = row[0]
    return moment


def entries(aws: Any, shown: dict[str, Any]) -> list[int]:
    with fix.connect(aws, shown) as session:
        return [number for (number,) in session.execute("SELECT id FROM entries ORDER BY id")]


def restorable(rds: Any, moment: datetime.datetime) -> None:
    fix.eventually(
        lambda: fix.instance(rds, "ledger")["LatestRestorableTime"], lambda latest: latest >= moment
    )


def restore(rds: Any, network: fix.PublicNetwork, name: str, **options: Any) -> dict[str, Any]:
    rds.restore_db_instance_to_point_in_time(
        TargetDBInstanceIdentifier=name,
        DBSubnetGroupName=network.subnet_group,
        VpcSecurityGroupIds=[network.security_group],
        PubliclyAccessible=True,
        **options,
    )
    return fix.available(rds, name)


def test_the_row_that_somebody_deleted_is_back(
    aws: Any, rds: Any, network: fix.PublicNetwork, ledger: Any
) -> None:
    enter(aws, ledger, 1)
    before = enter(aws, ledger, 2)
    with fix.connect(aws, ledger) as session:
        session.execute("DELETE FROM entries")
    enter(aws, ledger, 3)
    restorable(rds, before)
    old = restore(rds, network, "before", SourceDBInstanceIdentifier="ledger", RestoreTime=before)
    assert entries(aws, old) == [1, 2]
    assert entries(aws, ledger) == [3]
    # it is an instance of its own
    assert old["DbiResourceId"] != ledger["DbiResourceId"]
    enter(aws, old, 4)
    assert entries(aws, ledger) == [3]


def test_the_latest_restorable_time_has_every_row(
    aws: Any, rds: Any, network: fix.PublicNetwork, ledger: Any
) -> None:
    enter(aws, ledger, 5)
    latest = restore(
        rds, network, "latest", SourceDBInstanceIdentifier="ledger", UseLatestRestorableTime=True
    )
    assert 5 in entries(aws, latest)


def test_the_latest_restorable_time_moves(rds: Any, ledger: Any) -> None:
    seen = fix.instance(rds, "ledger")["LatestRestorableTime"]
    restorable(rds, seen + datetime.timedelta(seconds=1))


def test_retained_backups_bring_a_deleted_instance_back(
    aws: Any, rds: Any, network: fix.PublicNetwork, ledger: Any
) -> None:
    moment = enter(aws, ledger, 6)
    restorable(rds, moment)
    rds.delete_db_instance(
        DBInstanceIdentifier="ledger", SkipFinalSnapshot=True, DeleteAutomatedBackups=False
    )

    def kept() -> list[dict[str, Any]]:
        found = rds.describe_db_instance_automated_backups(DbiResourceId=ledger["DbiResourceId"])
        return [each for each in found["DBInstanceAutomatedBackups"] if each["Status"] == "retained"]

    (backup,) = fix.eventually(kept, lambda found: len(found) == 1)
    again = restore(
        rds,
        network,
        "again",
        SourceDbiResourceId=ledger["DbiResourceId"],
        RestoreTime=min(moment, backup["RestoreWindow"]["LatestTime"]),
    )
    assert 6 in entries(aws, again)
    rds.delete_db_instance_automated_backup(DbiResourceId=ledger["DbiResourceId"])
    with pytest.raises(rds.exceptions.DBInstanceAutomatedBackupNotFoundFault):
        kept()


def test_backups_are_switched_off_and_on(aws: Any, rds: Any, network: fix.PublicNetwork) -> None:
    rds.create_db_instance(**network.request("switch"))
    shown = fix.available(rds, "switch")
    assert "LatestRestorableTime" not in shown
    with fix.connect(aws, shown) as session:
        session.execute("CREATE TABLE entries (id bigint)")
    rds.modify_db_instance(DBInstanceIdentifier="switch", BackupRetentionPeriod=1, ApplyImmediately=True)
    fix.eventually(lambda: fix.available(rds, "switch"), lambda each: "LatestRestorableTime" in each)
    moment = enter(aws, shown, 1)
    fix.eventually(
        lambda: fix.instance(rds, "switch")["LatestRestorableTime"], lambda latest: latest >= moment
    )
    back = restore(rds, network, "switched", SourceDBInstanceIdentifier="switch", RestoreTime=moment)
    assert entries(aws, back) == [1]
    rds.modify_db_instance(DBInstanceIdentifier="switch", BackupRetentionPeriod=0, ApplyImmediately=True)
    fix.eventually(lambda: fix.available(rds, "switch"), lambda each: "LatestRestorableTime" not in each)
    with pytest.raises(rds.exceptions.PointInTimeRestoreNotEnabledFault):
        restore(rds, network, "never", SourceDBInstanceIdentifier="switch", UseLatestRestorableTime=True)


def test_slow_statements_can_be_counted(aws: Any, rds: Any, network: fix.PublicNetwork) -> None:
    rds.create_db_parameter_group(
        DBParameterGroupName="counted", DBParameterGroupFamily="postgres18", Description="counted"
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName="counted",
        Parameters=[
            {
                "ParameterName": "shared_preload_libraries",
                "ParameterValue": "pg_stat_statements",
                "ApplyMethod": "pending-reboot",
            }
        ],
    )
    rds.create_db_instance(**network.request("counted", DBParameterGroupName="counted"))
    with fix.connect(aws, fix.available(rds, "counted")) as session:
        session.execute("CREATE EXTENSION pg_stat_statements")
        session.execute("SELECT 40 + 2")
        found = session.execute("SELECT calls FROM pg_stat_statements WHERE query LIKE '%$1 + $2%'")
        assert found.fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError):
        fix.connect(aws, fix.instance(rds, "counted"), "wrong")
