"""The drawn account: what a learner built is in it, escaped, and nothing lies on top of anything else."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from itertools import combinations, pairwise

import boto3
import pytest

import labkit
from labkit.account import Account, Group, Resource, Rule, Subnet, Vpc
from labkit.layout import Box, Planner, Point
from labkit.picture import Topology

from .conftest import Lab

SVG = "{http://www.w3.org/2000/svg}"


def test_the_live_account_is_drawn(local: Lab) -> None:
    picture = labkit.topology()
    root = ET.fromstring(picture._repr_svg_())
    words = "".join(root.itertext())
    for expected in ("shop", "<app & host>", "us-east-1a", "us-east-1b", "10.0.1.0/24", "private", "5432"):
        assert expected in words
    assert root.findtext(f"{SVG}title", "").startswith("Account 123456789012 in us-east-1")
    assert "who may reach whom" in root.findtext(f"{SVG}desc", "")


def test_the_text_says_the_same(local: Lab) -> None:
    said = repr(labkit.topology(local.vpc_id))
    assert "DB instance shop: available" in said
    assert "us-east-1a: private subnet" in said
    row = next(line for line in said.splitlines() if "5432" in line)
    assert row.split() == ["app", "→", "5432", "→", "db", "shop"]


def test_a_route_to_an_internet_gateway_makes_a_subnet_public(local: Lab) -> None:
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert "private subnet" in repr(labkit.topology(vpc))
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    assert "public subnet" in repr(labkit.topology(vpc))


def test_an_empty_account_is_a_picture_too() -> None:
    picture = Topology(Account(), account_id="123456789012", region="us-east-1")
    ET.fromstring(picture._repr_svg_())
    assert "nothing yet but the default VPC" in repr(picture)


def test_a_back_end_that_does_not_answer_is_noted(monkeypatch: pytest.MonkeyPatch, local: Lab) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "could not be read" in repr(labkit.topology())


@pytest.mark.parametrize(
    ("zones", "tiers", "each"), [(1, 1, 1), (2, 2, 1), (3, 2, 2), (3, 3, 4), (6, 2, 1), (2, 1, 12)]
)
def test_many_resources_do_not_overlap(zones: int, tiers: int, each: int) -> None:
    vpc = crowded(zones, tiers, each)
    plan = Planner(vpc, 10, 20).place()
    cards = list(plan.cards.values())
    subnets = [box for _, box in plan.subnets]
    assert len(cards) == len(vpc.resources)
    for boxes in (cards, subnets, [box for _, box in plan.zones], [box for _, box in plan.panel]):
        assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]
    assert all(any(inside(card, subnet) for subnet in subnets) for card in cards)
    assert all(inside(box, plan.frame) for box in subnets)
    assert not [(wire, card) for wire in plan.wires for card in cards if crosses(wire.points, card)]


def test_hostile_names_stay_text() -> None:
    name = '</text><script>alert("1")</script>'
    vpc = crowded(2, 1, 1, name=name)
    root = ET.fromstring(Topology(Account([vpc], [name]), account_id="1", region="r")._repr_html_())
    assert not list(root.iter(f"{SVG}script"))
    assert name in "".join(root.itertext())


def crowded(zones: int, tiers: int, each: int, name: str = "a-rather-long-resource-name") -> Vpc:
    subnets = tuple(
        Subnet(f"subnet-{zone}-{tier}", f"{name}-{tier}", "10.0.0.0/24", f"us-east-1{zone}", tier == 0, "")
        for zone in "abcdef"[:zones]
        for tier in range(tiers)
    )
    app = Group("sg-app", name, (Rule("0.0.0.0/0", "443", 443, 443),))
    db = Group(
        "sg-db", f"{name}-db", (Rule("sg-app", "5432", 5432, 5432), Rule("0.0.0.0/0", "5432", 5432, 5432))
    )
    resources = tuple(
        Resource("database", name, "primary", "available", "", subnet.id, ("sg-db",), 5432)
        if (number + index) % 2
        else Resource("host", name, "EC2 host", "running", "", subnet.id, ("sg-app",), public=True)
        for number, subnet in enumerate(subnets)
        for index in range(each)
    )
    return Vpc("vpc-1", name, "10.0.0.0/16", False, "igw-1", subnets, (app, db), resources)


def overlap(one: Box, other: Box) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def inside(small: Box, large: Box) -> bool:
    return (
        large.x <= small.x
        and small.right <= large.right
        and large.y <= small.y
        and small.bottom <= large.bottom
    )


def crosses(points: Iterable[Point], card: Box) -> bool:
    """Whether the line runs through the card, apart from touching its edge."""
    return any(
        min(ax, bx) < card.right - 1
        and max(ax, bx) > card.x + 1
        and min(ay, by) < card.bottom - 1
        and max(ay, by) > card.y + 1
        for (ax, ay), (bx, by) in pairwise(points)
    )
