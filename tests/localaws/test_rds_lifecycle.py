"""RDS and accidents: killed servers, a killed localaws, a full disk; and what stays when all is over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from localaws.state import StateDir

from . import fix_rds as fix

pytestmark = pytest.mark.engine


@pytest.fixture
def own_rds(own_aws: Any) -> Any:
    own_aws.start()
    return own_aws.client("rds")


@pytest.fixture
def network(own_aws: Any, own_rds: Any) -> fix.PublicNetwork:
    return fix.PublicNetwork(own_aws, "accidents")


def root_of(aws: Any) -> Path:
    return StateDir.open(aws.state).engines_root


def home_of(aws: Any, shown: dict[str, Any]) -> Path:
    return root_of(aws) / f"postgres-{shown['DbiResourceId']}"


def engine_pid(aws: Any, shown: dict[str, Any]) -> int:
    return int((home_of(aws, shown) / "data" / "postmaster.pid").read_text().split()[0])


def messages(rds: Any, identifier: str) -> list[str]:
    events = rds.describe_events(SourceType="db-instance", SourceIdentifier=identifier)["Events"]
    return [event["Message"] for event in events]


def add_row(aws: Any, shown: dict[str, Any]) -> None:
    with fix.connect(aws, shown) as session:
        session.execute("CREATE TABLE IF NOT EXISTS kept (id bigint GENERATED ALWAYS AS IDENTITY)")
        session.execute("INSERT INTO kept DEFAULT VALUES")


def rows(aws: Any, shown: dict[str, Any]) -> int:
    with fix.connect(aws, shown) as session:
        found = session.execute("SELECT count(*) FROM kept").fetchone()
    assert found is not None
    return int(found[0])


def test_whatever_is_killed_comes_back(own_aws: Any, own_rds: Any, network: fix.PublicNetwork) -> None:
    own_rds.create_db_instance(**network.request("shop"))
    before = fix.available(own_rds, "shop")
    add_row(own_aws, before)

    killed = engine_pid(own_aws, before)
    os.kill(killed, signal.SIGKILL)
    wanted = "Recovery of the DB instance is complete."
    fix.eventually(lambda: messages(own_rds, "shop"), lambda found: wanted in found)
    assert fix.available(own_rds, "shop")["Endpoint"] == before["Endpoint"]
    assert engine_pid(own_aws, before) != killed
    assert rows(own_aws, before) == 1

    add_row(own_aws, before)
    server = own_aws.status()["pid"]
    os.kill(server, signal.SIGKILL)
    own_aws.start()
    after = fix.available(own_rds, "shop")
    for name in ("DbiResourceId", "Endpoint", "InstanceCreateTime"):
        assert after[name] == before[name]
    assert rows(own_aws, after) == 2

    own_aws.stop()
    assert not running_under(root_of(own_aws))
    own_aws.start()
    assert rows(own_aws, fix.available(own_rds, "shop")) == 2


def running_under(folder: Path) -> list[list[str]]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(str(folder) in word for word in words):
            found.append(words)
    return found


def test_a_stopped_instance_stays_stopped_over_a_restart(
    own_aws: Any, own_rds: Any, network: fix.PublicNetwork
) -> None:
    own_rds.create_db_instance(**network.request("shop"))
    shown = fix.available(own_rds, "shop")
    own_rds.stop_db_instance(DBInstanceIdentifier="shop")
    fix.available(own_rds, "shop", "stopped")
    with pytest.raises(psycopg.OperationalError):
        fix.connect(own_aws, shown)
    own_aws.stop()
    own_aws.start()
    assert fix.instance(own_rds, "shop")["DBInstanceStatus"] == "stopped"
    assert not running_under(root_of(own_aws))
    own_rds.start_db_instance(DBInstanceIdentifier="shop")
    add_row(own_aws, fix.available(own_rds, "shop"))


def test_a_server_that_cannot_start_is_never_available(
    own_aws: Any, own_rds: Any, network: fix.PublicNetwork
) -> None:
    own_rds.create_db_instance(**network.request("shop"))
    shown = fix.available(own_rds, "shop")
    version = home_of(own_aws, shown) / "data" / "PG_VERSION"
    hidden = version.with_name("PG_VERSION.hidden")
    version.rename(hidden)
    os.kill(engine_pid(own_aws, shown), signal.SIGKILL)
    told = fix.eventually(
        lambda: messages(own_rds, "shop"), lambda found: any("does not start" in each for each in found)
    )
    assert any("PG_VERSION" in each for each in told)
    assert fix.instance(own_rds, "shop")["DBInstanceStatus"] != "available"
    with pytest.raises(psycopg.OperationalError):
        fix.connect(own_aws, shown)
    hidden.rename(version)
    add_row(own_aws, fix.available(own_rds, "shop"))


def test_deleting_leaves_neither_files_nor_processes(
    own_aws: Any, own_rds: Any, network: fix.PublicNetwork
) -> None:
    own_rds.create_db_instance(**network.request("shop"))
    add_row(own_aws, fix.available(own_rds, "shop"))
    own_rds.delete_db_instance(
        DBInstanceIdentifier="shop", SkipFinalSnapshot=False, FinalDBSnapshotIdentifier="last"
    )
    own_rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="shop", WaiterConfig={"Delay": 1})
    own_rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="back",
        DBSnapshotIdentifier="last",
        DBSubnetGroupName=network.subnet_group,
        VpcSecurityGroupIds=[network.security_group],
        PubliclyAccessible=True,
    )
    assert rows(own_aws, fix.available(own_rds, "back")) == 1
    own_rds.delete_db_snapshot(DBSnapshotIdentifier="last")
    own_rds.delete_db_instance(DBInstanceIdentifier="back", SkipFinalSnapshot=True)
    own_rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="back", WaiterConfig={"Delay": 1})

    def left() -> list[str]:
        return [
            path.name for path in root_of(own_aws).iterdir() if path.name.startswith(("postgres-", "snap"))
        ]

    fix.eventually(left, lambda found: not found)
    assert not running_under(root_of(own_aws))


def test_a_full_disk_while_creating_is_told_and_leaves_nothing(own_aws: Any) -> None:
    root = root_of(own_aws)
    root.mkdir(parents=True, exist_ok=True)
    owner = root.stat()
    options = f"size=12m,mode=700,uid={owner.st_uid},gid={owner.st_gid}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(root)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        own_aws.start()
        rds = own_aws.client("rds")
        rds.create_db_instance(**fix.PublicNetwork(own_aws, "full").request("shop"))
        fix.eventually(
            lambda: fix.instance(rds, "shop")["DBInstanceStatus"], lambda status: status == "failed"
        )
        assert any("No space left on device" in each for each in messages(rds, "shop"))
        assert [path for path in root.iterdir() if path.name.startswith("postgres-")] == []
        rds.delete_db_instance(DBInstanceIdentifier="shop", SkipFinalSnapshot=True)
        fix.eventually(lambda: rds.describe_db_instances()["DBInstances"], lambda found: not found)
    finally:
        own_aws.stop()
        subprocess.run(["umount", str(root)], check=True)
