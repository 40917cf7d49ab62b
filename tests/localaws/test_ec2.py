"""What a VPC begins with: the way to the internet of the default one, and a default group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.ec2.models import ec2_backends

from localaws import ec2


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(ec2_backends, "backend", ec2_backends.backend)
    ec2.install()
    with mock_aws():
        ec2_backends.reset()
        yield boto3.client("ec2", region_name="eu-west-3")
    ec2_backends.reset()


def test_the_default_vpc_has_a_gateway_and_a_route_to_it(client: Any) -> None:
    [vpc] = client.describe_vpcs()["Vpcs"]
    [gateway] = client.describe_internet_gateways()["InternetGateways"]
    assert gateway["Attachments"] == [{"State": "available", "VpcId": vpc["VpcId"]}]
    [table] = client.describe_route_tables()["RouteTables"]
    targets = {route["DestinationCidrBlock"]: route["GatewayId"] for route in table["Routes"]}
    assert targets == {vpc["CidrBlock"]: "local", "0.0.0.0/0": gateway["InternetGatewayId"]}


def test_a_vpc_of_ones_own_has_neither(client: Any) -> None:
    vpc = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    filters = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    assert client.describe_internet_gateways(Filters=filters)["InternetGateways"] == []


@pytest.mark.parametrize("own", [False, True])
def test_members_of_a_default_group_reach_each_other(client: Any, own: bool) -> None:
    if own:
        client.create_vpc(CidrBlock="10.0.0.0/16")
    groups = client.describe_security_groups()["SecurityGroups"]
    assert len(groups) == 1 + own
    for group in groups:
        [rule] = group["IpPermissions"]
        assert rule["IpProtocol"] == "-1"
        assert not rule["IpRanges"]
        assert "FromPort" not in rule
        assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [group["GroupId"]]


def test_a_group_of_ones_own_lets_nobody_in(client: Any) -> None:
    group = client.create_security_group(GroupName="app", Description="hosts")["GroupId"]
    [facts] = client.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert facts["IpPermissions"] == []
