"""A clean AWS environment for every test, and one localaws with the lab's network and database in it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from labkit import backends, environment

USER, PASSWORD, NAME = "boss", "correct-horse-1", "shop"


@dataclass(frozen=True)
class Lab:
    """What the tests find in the account."""

    variables: dict[str, str]
    vpc_id: str
    app_host: str
    database: dict[str, Any]


@pytest.fixture(autouse=True)
def clean(tmp_path: Path) -> Iterator[None]:
    """No account but the test's; not the test's own monkeypatch, whose undoing must come before ours."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "LAB_", "LOCALSTACK_", "LOCALAWS_STATE")):
                patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("LOCALAWS_DURABILITY", "off")
        patch.setattr(backends, "_current", None)
        before = dict(os.environ)
        yield
        environment.restore()
        for name in set(os.environ) - set(before):
            del os.environ[name]


def localaws(state: Path, *arguments: str) -> str:
    variables = os.environ | {"LOCALAWS_STATE": str(state), "LOCALAWS_DURABILITY": "off"}
    command = [sys.executable, "-m", "localaws", *arguments]
    return subprocess.run(
        command, env=variables, capture_output=True, text=True, timeout=120, check=True
    ).stdout


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    state = tmp_path_factory.mktemp("localaws") / "state"
    localaws(state, "start")
    try:
        yield build(state)
    finally:
        localaws(state, "stop")


@pytest.fixture
def local(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The lab, with labkit's local back end chosen."""
    monkeypatch.setenv("LOCALAWS_STATE", lab.variables["LOCALAWS_STATE"])
    backends.choose_backend("local")
    return lab


def build(state: Path) -> Lab:
    given = json.loads(localaws(state, "env", "--json"))
    session = boto3.Session(
        given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
    )

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=given["AWS_ENDPOINT_URL"])  # type: ignore[call-overload]

    ec2, iam, rds = client("ec2"), client("iam"), client("rds")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=zone)["Subnet"][
            "SubnetId"
        ]
        for index, zone in enumerate(("us-east-1a", "us-east-1b"))
    ]
    app, database = (
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("app", "db")
    )
    way = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": app}]}
    ec2.authorize_security_group_ingress(GroupId=database, IpPermissions=[way])
    iam.create_role(RoleName="host", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="host")
    iam.add_role_to_instance_profile(InstanceProfileName="host", RoleName="host")
    host = ec2.run_instances(
        ImageId=ec2.describe_images()["Images"][0]["ImageId"],
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.micro",
        SubnetId=subnets[0],
        SecurityGroupIds=[app],
        IamInstanceProfile={"Name": "host"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "<app & host>"}]}],
    )["Instances"][0]["InstanceId"]
    rds.create_db_subnet_group(DBSubnetGroupName="shop", DBSubnetGroupDescription="shop", SubnetIds=subnets)
    rds.create_db_instance(
        DBInstanceIdentifier="shop",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername=USER,
        MasterUserPassword=PASSWORD,
        DBName=NAME,
        DBSubnetGroupName="shop",
        VpcSecurityGroupIds=[database],
        PubliclyAccessible=False,
    )
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="shop", WaiterConfig={"Delay": 1})
    described = rds.describe_db_instances(DBInstanceIdentifier="shop")["DBInstances"][0]
    return Lab(given | {"LOCALAWS_STATE": str(state)}, vpc, host, described)
