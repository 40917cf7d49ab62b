"""The decision of routes and security groups, on an EC2 model that boto3 builds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws

from localaws.bridge import backends
from localaws.network import OUTSIDE, OUTSIDE_IP, Network, Origin, Target

REGION = "us-east-1"
ACCOUNT = "123456789012"


class Model:
    """As much of the control plane as the network model uses."""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def backends(self, service: str) -> Iterator[tuple[str, str, Any]]:
        return backends.existing(service)


@dataclass
class Vpc:
    """A VPC with two private subnets, a host in the group `app` and a database in the group `db`."""

    ec2: Any
    id: str = ""
    subnets: list[str] = field(default_factory=list)
    app: str = ""
    db: str = ""
    host: str = ""

    def build(self) -> Vpc:
        self.id = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        for number, zone in enumerate("ab"):
            made = self.ec2.create_subnet(
                VpcId=self.id, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=REGION + zone
            )
            self.subnets.append(made["Subnet"]["SubnetId"])
        self.app, self.db = self.group("app"), self.group("db")
        self.host = self.launch(self.app)
        return self

    def group(self, name: str) -> str:
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.id)
        return str(made["GroupId"])

    def launch(self, *groups: str) -> str:
        made = self.ec2.run_instances(
            ImageId="ami-12c6146b",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnets[0],
            SecurityGroupIds=list(groups),
        )
        return str(made["Instances"][0]["InstanceId"])

    def allow(self, group: str, port: int = 5432, **source: Any) -> None:
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])

    def open_to_internet(self) -> str:
        gateway = str(self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.id)
        self.ec2.create_route(
            RouteTableId=self.main_table(), DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
        )
        return gateway

    def main_table(self) -> str:
        filters = [{"Name": "vpc-id", "Values": [self.id]}, {"Name": "association.main", "Values": ["true"]}]
        return str(self.ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"])

    def target(self, *, public: bool = False, port: int = 5432) -> Target:
        return Target("shop", self.id, tuple(self.subnets), (self.db,), public, port, REGION, ACCOUNT)


@pytest.fixture
def vpc(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vpc]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Vpc(boto3.client("ec2", region_name=REGION)).build()


@pytest.fixture
def network() -> Network:
    return Network(Model())  # type: ignore[arg-type]


def reason(network: Network, origin: Origin, target: Target) -> str:
    refusal = network.admit(origin, target)
    return refusal.message if refusal else ""


def test_a_private_database_is_out_of_reach_from_outside(vpc: Vpc, network: Network) -> None:
    vpc.open_to_internet()
    vpc.allow(vpc.db, IpRanges=[{"CidrIp": "0.0.0.0/0"}])
    message = reason(network, OUTSIDE, vpc.target())
    assert 'timed out on AWS: db "shop" is not publicly accessible' in message
    assert "labkit.through" in message


def test_a_public_database_needs_a_route_to_an_attached_gateway(vpc: Vpc, network: Network) -> None:
    vpc.allow(vpc.db, IpRanges=[{"CidrIp": "0.0.0.0/0"}])
    message = reason(network, OUTSIDE, vpc.target(public=True))
    assert vpc.subnets[0] in message
    assert vpc.main_table() in message
    gateway = vpc.open_to_internet()
    assert network.admit(OUTSIDE, vpc.target(public=True)) is None
    vpc.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc.id)
    assert "no route leads there from the internet" in reason(network, OUTSIDE, vpc.target(public=True))


def test_a_subnets_own_route_table_counts_before_the_main_one(vpc: Vpc, network: Network) -> None:
    vpc.open_to_internet()
    vpc.allow(vpc.db, IpRanges=[{"CidrIp": "0.0.0.0/0"}])
    table = vpc.ec2.create_route_table(VpcId=vpc.id)["RouteTable"]["RouteTableId"]
    vpc.ec2.associate_route_table(RouteTableId=table, SubnetId=vpc.subnets[1])
    message = reason(network, OUTSIDE, vpc.target(public=True))
    assert table in message
    assert vpc.subnets[1] in message
    assert vpc.subnets[0] not in message


def test_a_public_database_admits_only_addresses_of_its_group(vpc: Vpc, network: Network) -> None:
    vpc.open_to_internet()
    message = reason(network, OUTSIDE, vpc.target(public=True))
    assert vpc.db in message
    assert f"{OUTSIDE_IP}/32" in message
    vpc.allow(vpc.db, IpRanges=[{"CidrIp": f"{OUTSIDE_IP}/32"}])
    assert network.admit(OUTSIDE, vpc.target(public=True)) is None
    assert network.admit(OUTSIDE, vpc.target(public=True, port=5433)) is not None


def test_a_host_enters_by_its_group_and_a_change_counts_at_once(vpc: Vpc, network: Network) -> None:
    host = Origin(vpc.host)
    message = reason(network, host, vpc.target())
    assert vpc.db in message
    assert vpc.app in message
    pair: dict[str, Any] = {"UserIdGroupPairs": [{"GroupId": vpc.app}]}
    vpc.allow(vpc.db, **pair)
    assert network.admit(host, vpc.target()) is None
    vpc.ec2.revoke_security_group_ingress(
        GroupId=vpc.db, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, **pair}]
    )
    assert network.admit(host, vpc.target()) is not None


def test_a_host_enters_by_its_private_address(vpc: Vpc, network: Network) -> None:
    address = network.address(Origin(vpc.host), vpc.target())
    assert address.startswith("10.0.0.")
    vpc.allow(vpc.db, IpRanges=[{"CidrIp": f"{address}/32"}])
    assert network.admit(Origin(vpc.host), vpc.target()) is None


def test_a_group_that_names_itself_admits_its_members_only(vpc: Vpc, network: Network) -> None:
    vpc.allow(vpc.db, UserIdGroupPairs=[{"GroupId": vpc.db}])
    assert network.admit(Origin(vpc.host), vpc.target()) is not None
    assert network.admit(Origin(vpc.launch(vpc.db)), vpc.target()) is None


def test_a_rule_for_all_traffic_or_a_range_of_ports_covers_the_port(vpc: Vpc, network: Network) -> None:
    everything = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": vpc.app}]}
    vpc.ec2.authorize_security_group_ingress(GroupId=vpc.db, IpPermissions=[everything])
    assert network.admit(Origin(vpc.host), vpc.target()) is None
    vpc.ec2.revoke_security_group_ingress(GroupId=vpc.db, IpPermissions=[everything])
    some = {"IpProtocol": "tcp", "FromPort": 5000, "ToPort": 6000, "UserIdGroupPairs": [{"GroupId": vpc.app}]}
    vpc.ec2.authorize_security_group_ingress(GroupId=vpc.db, IpPermissions=[some])
    assert network.admit(Origin(vpc.host), vpc.target()) is None
    assert network.admit(Origin(vpc.host), vpc.target(port=6001)) is not None


def test_udp_does_not_open_a_database(vpc: Vpc, network: Network) -> None:
    rule = {"IpProtocol": "udp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": vpc.app}]}
    vpc.ec2.authorize_security_group_ingress(GroupId=vpc.db, IpPermissions=[rule])
    assert network.admit(Origin(vpc.host), vpc.target()) is not None


def test_a_prefix_list_admits_its_blocks(vpc: Vpc, network: Network) -> None:
    made = vpc.ec2.create_managed_prefix_list(
        PrefixListName="office",
        AddressFamily="IPv4",
        MaxEntries=5,
        Entries=[{"Cidr": "10.0.0.0/24", "Description": "app"}],
    )
    vpc.allow(vpc.db, PrefixListIds=[{"PrefixListId": made["PrefixList"]["PrefixListId"]}])
    assert network.admit(Origin(vpc.host), vpc.target()) is None


def test_a_host_without_a_way_out_is_told_so(vpc: Vpc, network: Network) -> None:
    vpc.allow(vpc.db, UserIdGroupPairs=[{"GroupId": vpc.app}])
    anything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    vpc.ec2.revoke_security_group_egress(GroupId=vpc.app, IpPermissions=[anything])
    assert "egress" in reason(network, Origin(vpc.host), vpc.target())
    to_db = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": vpc.db}]}
    vpc.ec2.authorize_security_group_egress(GroupId=vpc.app, IpPermissions=[to_db])
    assert network.admit(Origin(vpc.host), vpc.target()) is None


def test_a_stopped_or_unknown_host_reaches_nothing(vpc: Vpc, network: Network) -> None:
    vpc.allow(vpc.db, UserIdGroupPairs=[{"GroupId": vpc.app}])
    vpc.ec2.stop_instances(InstanceIds=[vpc.host])
    assert "is stopped" in reason(network, Origin(vpc.host), vpc.target())
    assert "does not exist" in reason(network, Origin("i-0123456789abcdef0"), vpc.target())


def test_a_host_of_another_vpc_reaches_nothing(vpc: Vpc, network: Network) -> None:
    vpc.allow(vpc.db, IpRanges=[{"CidrIp": "0.0.0.0/0"}])
    other = Vpc(vpc.ec2).build()
    message = reason(network, Origin(other.host), vpc.target())
    assert other.id in message
    assert vpc.id in message
