"""MariaDB instances of RDS: a real server behind each, with the program mariadbd of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import pytest

from localaws.engines.mariaprograms import find_mariadb, required

from .conftest import LocalAws
from .fix_rds import PASSWORD, PublicNetwork, available, eventually, instance

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(find_mariadb() is None, reason="needs the program mariadbd"),
]


class Shop:
    """A network, the parameter group `maria`, and instances of MariaDB in it."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.rds = aws.client("rds")
        self.network = PublicNetwork(aws, "maria")
        aws.client("ec2").authorize_security_group_ingress(
            GroupId=self.network.security_group,
            IpProtocol="tcp",
            FromPort=3306,
            ToPort=3306,
            CidrIp="0.0.0.0/0",
        )
        [version] = self.rds.describe_db_engine_versions(Engine="mariadb")["DBEngineVersions"]
        self.version, family = version["EngineVersion"], version["DBParameterGroupFamily"]
        self.rds.create_db_parameter_group(
            DBParameterGroupName="maria", DBParameterGroupFamily=family, Description="maria"
        )
        self.set("long_query_time", "7.5")
        given = self.request("maria", DBParameterGroupName="maria", BackupRetentionPeriod=1)
        self.rds.create_db_instance(**given)
        available(self.rds, "maria")

    def request(self, identifier: str, **changed: Any) -> dict[str, Any]:
        return self.network.request(identifier, **{"Engine": "mariadb", **changed})

    def set(self, name: str, value: str, method: str = "immediate") -> None:
        change = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
        self.rds.modify_db_parameter_group(DBParameterGroupName="maria", Parameters=[change])

    def run(self, statement: str, *options: str, name: str = "maria", password: str = PASSWORD) -> str:
        endpoint = instance(self.rds, name)["Endpoint"]
        place = [f"--host={endpoint['Address']}", f"--port={endpoint['Port']}", "--protocol=tcp"]
        tls = options or (f"--ssl-ca={self.aws.state / 'ca' / 'bundle.pem'}", "--ssl-verify-server-cert")
        user = ["--user=shop", f"--password={password}", "--batch", "--skip-column-names"]
        command: list[str] = [
            str(required().client),
            "--no-defaults",
            *user,
            *place,
            *tls,
            "shop",
            "-e",
            statement,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PATH": os.defpath})
        return f"{done.stdout}{done.stderr}".strip()


@pytest.fixture(scope="module")
def shop(aws: LocalAws) -> Iterator[Shop]:
    made = Shop(aws)
    yield made
    made.rds.delete_db_instance(DBInstanceIdentifier="maria", SkipFinalSnapshot=True)


def test_the_version_is_that_of_the_machine_and_the_server_answers(shop: Shop) -> None:
    shown = instance(shop.rds, "maria")
    assert shown["EngineVersion"] == required().version == shop.version
    assert (shown["Endpoint"]["Port"], shown["LicenseModel"]) == (3306, "general-public-license")
    assert shop.run("SELECT VERSION()").startswith(shop.version)


def test_parameters_are_the_servers_own_and_take_effect(shop: Shop) -> None:
    assert shop.run("SELECT @@long_query_time") == "7.500000"
    shop.set("long_query_time", "0")
    eventually(lambda: shop.run("SELECT @@long_query_time"), lambda row: row == "0.000000")
    shop.set("max_connections", "33")
    eventually(lambda: shop.run("SELECT @@max_connections"), lambda row: row == "33")
    with pytest.raises(botocore.exceptions.ClientError, match="allowed values are: 10-100000"):
        shop.set("max_connections", "many")
    with pytest.raises(botocore.exceptions.ClientError, match="Could not find parameter"):
        shop.set("shared_buffers", "1")


def test_a_static_parameter_waits_for_a_reboot(shop: Shop) -> None:
    shop.set("ft_min_word_len", "3", "pending-reboot")

    def status() -> str:
        return str(instance(shop.rds, "maria")["DBParameterGroups"][0]["ParameterApplyStatus"])

    eventually(status, lambda said: said == "pending-reboot")
    assert shop.run("SELECT @@ft_min_word_len") == "4"
    shop.rds.reboot_db_instance(DBInstanceIdentifier="maria")
    available(shop.rds, "maria")
    assert shop.run("SELECT @@ft_min_word_len") == "3"


def test_tls_can_be_required(shop: Shop) -> None:
    assert shop.run("SELECT 1", "--skip-ssl") == "1"
    shop.set("require_secure_transport", "1")
    eventually(lambda: shop.run("SELECT 1", "--skip-ssl"), lambda said: "insecure transport" in said)
    assert shop.run("SELECT 1") == "1"
    shop.set("require_secure_transport", "0")
    eventually(lambda: shop.run("SELECT 1", "--skip-ssl"), lambda said: said == "1")


def test_a_slow_query_is_in_the_log(shop: Shop) -> None:
    shop.set("long_query_time", "0")
    shop.set("slow_query_log", "1")
    asked = {"DBInstanceIdentifier": "maria", "LogFileName": "slowquery/mysql-slowquery.log"}

    def logged() -> str:
        shop.run("SELECT 'found in the log'")
        listed = shop.rds.describe_db_log_files(DBInstanceIdentifier="maria")["DescribeDBLogFiles"]
        if asked["LogFileName"] not in [each["LogFileName"] for each in listed]:
            return ""
        return str(shop.rds.download_db_log_file_portion(**asked)["LogFileData"])

    eventually(logged, lambda text: "found in the log" in text)


def test_a_killed_server_comes_back_with_its_rows(shop: Shop) -> None:
    shop.run("CREATE TABLE kept (id int PRIMARY KEY)")
    assert shop.run("INSERT INTO kept VALUES (1), (2); SELECT count(*) FROM kept") == "2"
    [server] = [each for each in shop.aws.status()["engines"] if each["name"] == "maria"]
    os.kill(server["pid"], signal.SIGKILL)
    eventually(lambda: shop.run("SELECT count(*) FROM kept"), lambda said: said == "2")


def test_a_snapshot_is_restored_with_its_rows(shop: Shop) -> None:
    shop.run("CREATE TABLE snapped (id int PRIMARY KEY)")
    shop.run("INSERT INTO snapped VALUES (1), (2), (3)")
    shop.rds.create_db_snapshot(DBInstanceIdentifier="maria", DBSnapshotIdentifier="maria-snap")
    shop.rds.get_waiter("db_snapshot_available").wait(
        DBSnapshotIdentifier="maria-snap", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    shop.run("DELETE FROM snapped")
    shop.rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="maria-copy",
        DBSnapshotIdentifier="maria-snap",
        DBSubnetGroupName=shop.network.subnet_group,
        VpcSecurityGroupIds=[shop.network.security_group],
        PubliclyAccessible=True,
    )
    available(shop.rds, "maria-copy")
    assert shop.run("SELECT count(*) FROM snapped", name="maria-copy") == "3"
    assert shop.run("SELECT count(*) FROM snapped") == "0"
    shop.rds.delete_db_instance(DBInstanceIdentifier="maria-copy", SkipFinalSnapshot=True)


def test_the_password_changes_and_a_stopped_instance_starts_again(shop: Shop) -> None:
    change = {"DBInstanceIdentifier": "maria", "ApplyImmediately": True}
    shop.rds.modify_db_instance(**change, MasterUserPassword="another-horse")
    available(shop.rds, "maria")
    assert shop.run("SELECT 1", password="another-horse") == "1"
    assert "Access denied" in shop.run("SELECT 1")
    shop.rds.stop_db_instance(DBInstanceIdentifier="maria")
    available(shop.rds, "maria", "stopped")
    shop.rds.start_db_instance(DBInstanceIdentifier="maria")
    available(shop.rds, "maria")
    shop.rds.modify_db_instance(**change, MasterUserPassword=PASSWORD)
    available(shop.rds, "maria")
    assert shop.run("SELECT 1") == "1"


def test_security_groups_refuse_with_the_reason(shop: Shop) -> None:
    change = {"DBInstanceIdentifier": "maria", "ApplyImmediately": True}
    shop.rds.modify_db_instance(**change, PubliclyAccessible=False)
    available(shop.rds, "maria")
    assert "not publicly accessible" in shop.run("SELECT 1")
    shop.rds.modify_db_instance(**change, PubliclyAccessible=True)
    available(shop.rds, "maria")
    assert shop.run("SELECT 1") == "1"


@pytest.mark.parametrize("asked", [{"MultiAZ": True}, {"EnableIAMDatabaseAuthentication": True}])
def test_what_is_not_offered_is_refused(shop: Shop, asked: dict[str, Any]) -> None:
    refusal = r"does not offer .* for MariaDB"
    with pytest.raises(botocore.exceptions.ClientError, match=refusal):
        shop.rds.create_db_instance(**shop.request("refused", **asked))
    with pytest.raises(botocore.exceptions.ClientError, match=refusal):
        shop.rds.modify_db_instance(DBInstanceIdentifier="maria", ApplyImmediately=True, **asked)


def test_a_moment_of_the_past_is_refused_and_not_promised(shop: Shop) -> None:
    assert "LatestRestorableTime" not in instance(shop.rds, "maria")
    with pytest.raises(botocore.exceptions.ClientError, match="does not offer point-in-time recovery"):
        shop.rds.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier="maria",
            TargetDBInstanceIdentifier="refused",
            UseLatestRestorableTime=True,
        )


def test_replicas_are_refused(shop: Shop) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="does not offer read replicas for MariaDB"):
        shop.rds.create_db_instance_read_replica(
            DBInstanceIdentifier="refused", SourceDBInstanceIdentifier="maria"
        )
