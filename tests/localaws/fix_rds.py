"""A VPC that the internet reaches, and PostgreSQL instances in it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import psycopg

PASSWORD = "correct-horse"
DEADLINE = 60.0


class PublicNetwork:
    """Two public subnets, their subnet group, and a security group that lets PostgreSQL in."""

    def __init__(self, aws: Any, name: str) -> None:
        ec2 = aws.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsHostnames={"Value": True})
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["RouteTables"]
        ec2.create_route(
            RouteTableId=tables[0]["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
        )
        subnets = [
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")
            for n, zone in enumerate("ab")
        ]
        self.security_group = ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)[
            "GroupId"
        ]
        ec2.authorize_security_group_ingress(
            GroupId=self.security_group, IpProtocol="tcp", FromPort=5432, ToPort=5433, CidrIp="0.0.0.0/0"
        )
        self.subnet_group = name
        aws.client("rds").create_db_subnet_group(
            DBSubnetGroupName=name,
            DBSubnetGroupDescription=name,
            SubnetIds=[each["Subnet"]["SubnetId"] for each in subnets],
        )

    def request(self, identifier: str, **changed: Any) -> dict[str, Any]:
        """What to create an instance with."""
        return {
            "DBInstanceIdentifier": identifier,
            "Engine": "postgres",
            "DBInstanceClass": "db.t3.micro",
            "AllocatedStorage": 20,
            "MasterUsername": "shop",
            "MasterUserPassword": PASSWORD,
            "DBName": "shop",
            "DBSubnetGroupName": self.subnet_group,
            "VpcSecurityGroupIds": [self.security_group],
            "PubliclyAccessible": True,
            "BackupRetentionPeriod": 0,
            **changed,
        }


def eventually(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """What `look` returns once it is as wanted; fails at the deadline."""
    end = time.monotonic() + DEADLINE
    while not wanted(found := look()):
        assert time.monotonic() < end, f"still {json.dumps(found, default=str)[:2000]}"
        time.sleep(0.05)
    return found


def instance(rds: Any, identifier: str) -> dict[str, Any]:
    """An instance as DescribeDBInstances shows it."""
    found: dict[str, Any] = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
    return found


def available(rds: Any, identifier: str, status: str = "available") -> dict[str, Any]:
    """The instance once it has the status and nothing is pending."""
    found: dict[str, Any] = eventually(
        lambda: instance(rds, identifier),
        lambda each: each["DBInstanceStatus"] == status and not each["PendingModifiedValues"],
    )
    return found


def connect(
    aws: Any, shown: dict[str, Any], password: str = PASSWORD, **options: Any
) -> psycopg.Connection[Any]:
    """A connection over TLS with the certificate verified."""
    return psycopg.connect(
        host=shown["Endpoint"]["Address"],
        port=shown["Endpoint"]["Port"],
        user="shop",
        password=password,
        dbname="shop",
        sslmode="verify-full",
        sslrootcert=str(aws.state / "ca" / "bundle.pem"),
        autocommit=True,
        **options,
    )
