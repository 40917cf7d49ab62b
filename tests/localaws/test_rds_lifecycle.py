"""RDS and accidents: killed servers, a killed localaws, a full disk; and what stays when all is over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from localaws.state import StateDir

from . import fix_rds as fix
from .conftest import LocalAws

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def own_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A localaws of this module: its server and its engines get killed."""
    local = LocalAws(tmp_path_factory.mktemp("accidents") / "a state")
    local.start()
    yield local
    local.stop()
    local.run("reset")


@pytest.fixture(scope="module")
def own_rds(own_aws: Any) -> Any:
    return own_aws.client("rds")


@pytest.fixture(scope="module")
def network(own_aws: Any, own_rds: Any) -> fix.PublicNetwork:
    return fix.PublicNetwork(own_aws, "accidents")


def root_of(aws: Any) -> Path:
    return StateDir.open(aws.state).engines_root


def home_of(aws: Any, shown: dict[str, Any]) -> Path:
    return root_of(aws) / f"postgres-{shown['DbiResourceId']}"


def folders(aws: Any) -> set[str]:
    """Names of the folders that databases and snapshots have."""
    return {path.name for path in root_of(aws).iterdir() if path.name.startswith(("postgres-", "snapshot-"))}


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
    own_rds.create_db_instance(**network.request("crash"))
    before = fix.available(own_rds, "crash")
    add_row(own_aws, before)

    killed = engine_pid(own_aws, before)
    os.kill(killed, signal.SIGKILL)
    wanted = "Recovery of the DB instance is complete."
    fix.eventually(lambda: messages(own_rds, "crash"), lambda found: wanted in found)
    assert fix.available(own_rds, "crash")["Endpoint"] == before["Endpoint"]
    assert engine_pid(own_aws, before) != killed
    assert rows(own_aws, before) == 1

    add_row(own_aws, before)
    server = own_aws.status()["pid"]
    os.kill(server, signal.SIGKILL)
    own_aws.start()
    after = fix.available(own_rds, "crash")
    for name in ("DbiResourceId", "Endpoint", "InstanceCreateTime"):
        assert after[name] == before[name]
    assert rows(own_aws, after) == 2

    told = messages(own_rds, "crash")
    own_aws.stop()
    assert not running_under(root_of(own_aws))
    own_aws.start()
    assert rows(own_aws, fix.available(own_rds, "crash")) == 2
    # stopping the local AWS is not an accident of the database
    assert messages(own_rds, "crash") == told
    listed = {(engine["name"], engine["kind"]) for engine in own_aws.status()["engines"]}
    assert ("crash", "postgres") in listed


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
    own_rds.create_db_instance(**network.request("sleeper"))
    shown = fix.available(own_rds, "sleeper")
    own_rds.stop_db_instance(DBInstanceIdentifier="sleeper")
    fix.available(own_rds, "sleeper", "stopped")
    with pytest.raises(psycopg.OperationalError):
        fix.connect(own_aws, shown)
    own_aws.stop()
    own_aws.start()
    assert fix.instance(own_rds, "sleeper")["DBInstanceStatus"] == "stopped"
    assert not running_under(home_of(own_aws, shown))
    own_rds.start_db_instance(DBInstanceIdentifier="sleeper")
    add_row(own_aws, fix.available(own_rds, "sleeper"))


def test_a_server_that_cannot_start_is_never_available(
    own_aws: Any, own_rds: Any, network: fix.PublicNetwork
) -> None:
    own_rds.create_db_instance(**network.request("broken"))
    shown = fix.available(own_rds, "broken")
    version = home_of(own_aws, shown) / "data" / "PG_VERSION"
    hidden = version.with_name("PG_VERSION.hidden")
    version.rename(hidden)
    os.kill(engine_pid(own_aws, shown), signal.SIGKILL)
    told = fix.eventually(
        lambda: messages(own_rds, "broken"), lambda found: any("does not start" in each for each in found)
    )
    assert any("PG_VERSION" in each for each in told)
    assert fix.instance(own_rds, "broken")["DBInstanceStatus"] != "available"
    with pytest.raises(psycopg.OperationalError):
        fix.connect(own_aws, shown)
    hidden.rename(version)
    add_row(own_aws, fix.available(own_rds, "broken"))


def test_deleting_leaves_neither_files_nor_processes(
    own_aws: Any, own_rds: Any, network: fix.PublicNetwork
) -> None:
    before = folders(own_aws)
    own_rds.create_db_instance(**network.request("gone"))
    add_row(own_aws, fix.available(own_rds, "gone"))
    own_rds.delete_db_instance(
        DBInstanceIdentifier="gone", SkipFinalSnapshot=False, FinalDBSnapshotIdentifier="last"
    )
    own_rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="gone", WaiterConfig={"Delay": 1})
    own_rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="back",
        DBSnapshotIdentifier="last",
        DBSubnetGroupName=network.subnet_group,
        VpcSecurityGroupIds=[network.security_group],
        PubliclyAccessible=True,
    )
    back = fix.available(own_rds, "back")
    assert rows(own_aws, back) == 1
    own_rds.delete_db_snapshot(DBSnapshotIdentifier="last")
    own_rds.delete_db_instance(DBInstanceIdentifier="back", SkipFinalSnapshot=True)
    own_rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="back", WaiterConfig={"Delay": 1})

    fix.eventually(lambda: folders(own_aws), lambda found: found == before)
    assert not running_under(home_of(own_aws, back))


def test_a_full_disk_while_creating_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    full_aws = LocalAws(tmp_path / "state")
    root = root_of(full_aws)
    root.mkdir(parents=True, exist_ok=True)
    owner = root.stat()
    options = f"size=12m,mode=700,uid={owner.st_uid},gid={owner.st_gid}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(root)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        full_aws.start()
        rds = full_aws.client("rds")
        rds.create_db_instance(**fix.PublicNetwork(full_aws, "full").request("shop"))
        fix.eventually(
            lambda: fix.instance(rds, "shop")["DBInstanceStatus"], lambda status: status == "failed"
        )
        assert any("No space left on device" in each for each in messages(rds, "shop"))
        assert not folders(full_aws)
        rds.delete_db_instance(DBInstanceIdentifier="shop", SkipFinalSnapshot=True)
        fix.eventually(lambda: rds.describe_db_instances()["DBInstances"], lambda found: not found)
    finally:
        full_aws.stop()
        subprocess.run(["umount", str(root)], check=True)
        root.rmdir()
