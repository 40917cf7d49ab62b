"""Reads the live account by boto3 into the plain facts that a picture needs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ANYWHERE = ("0.0.0.0/0", "::/0")
Kind = Literal["host", "database", "cache"]


@dataclass(frozen=True)
class Rule:
    """Who (a CIDR block or a group's id) may come in, and on what."""

    source: str
    ports: str
    first: int
    last: int

    def admits(self, port: int) -> bool:
        """Whether the port is among the rule's."""
        return self.first <= port <= self.last


@dataclass(frozen=True)
class Group:
    """A security group with its ingress rules."""

    id: str
    name: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Subnet:
    """A subnet and where its routes lead."""

    id: str
    name: str
    cidr: str
    zone: str
    public: bool
    way_out: str


@dataclass(frozen=True)
class Resource:
    """An EC2 host, a DB instance, a standby or a cache node in a subnet."""

    kind: Kind
    name: str
    role: str
    status: str
    detail: str
    subnet_id: str
    groups: tuple[str, ...]
    port: int | None = None
    public: bool = False
    standby: bool = False


@dataclass(frozen=True)
class Vpc:
    """A VPC and what is in it."""

    id: str
    name: str
    cidr: str
    default: bool
    gateway: str | None
    subnets: tuple[Subnet, ...]
    groups: tuple[Group, ...]
    resources: tuple[Resource, ...]


@dataclass
class Account:
    """The VPCs of a Region, and what could not be read."""

    vpcs: list[Vpc] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Reader:
    """Describes one Region; a service that the back end lacks becomes a note."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session
        self.notes: list[str] = []

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Every item under the key of a paginated describe operation."""
        try:
            client = self._session.client(
                service,  # type: ignore[call-overload]
                config=Config(connect_timeout=5, retries={"max_attempts": 2}),
            )
            for page in client.get_paginator(operation).paginate(**arguments):
                yield from page[key]
        except (BotoCoreError, ClientError) as error:
            self.notes.append(f"{service} could not be read: {error}")


def read_account(session: boto3.Session, vpc_id: str | None = None) -> Account:
    """The VPC asked for; else every VPC but the default one, and that one too when it holds something."""
    reader = Reader(session)
    tables = list(reader.pages("ec2", "describe_route_tables", "RouteTables"))
    subnets = list(reader.pages("ec2", "describe_subnets", "Subnets"))
    groups = list(reader.pages("ec2", "describe_security_groups", "SecurityGroups"))
    gateways = {
        attachment["VpcId"]: gateway["InternetGatewayId"]
        for gateway in reader.pages("ec2", "describe_internet_gateways", "InternetGateways")
        for attachment in gateway.get("Attachments", [])
    }
    resources = [*_hosts(reader), *_databases(reader), *_caches(reader)]
    account = Account(notes=reader.notes)
    for item in reader.pages("ec2", "describe_vpcs", "Vpcs"):
        own = item["VpcId"]
        drawn = tuple(_subnet(each, tables) for each in subnets if each["VpcId"] == own)
        inside = tuple(resource for where, resource in resources if where == own)
        if own == vpc_id or (vpc_id is None and (inside or not item.get("IsDefault"))):
            rules = tuple(_group(each) for each in groups if each["VpcId"] == own)
            account.vpcs.append(
                Vpc(
                    own,
                    _name(item, own),
                    item["CidrBlock"],
                    bool(item.get("IsDefault")),
                    gateways.get(own),
                    drawn,
                    rules,
                    inside,
                )
            )
    return account


def _hosts(reader: Reader) -> Iterator[tuple[str, Resource]]:
    for reservation in reader.pages("ec2", "describe_instances", "Reservations"):
        for host in reservation["Instances"]:
            state = host["State"]["Name"]
            if state == "terminated" or "SubnetId" not in host:
                continue
            attached = [host, *host.get("NetworkInterfaces", [])]
            own = (
                group["GroupId"]
                for part in attached
                for group in part.get("SecurityGroups", part.get("Groups", []))
            )
            groups = tuple(dict.fromkeys(own))
            name, kind = _name(host, host["InstanceId"]), host.get("InstanceType", "")
            address = host.get("PrivateIpAddress", "")
            yield (
                host["VpcId"],
                Resource(
                    "host",
                    name,
                    "EC2 host",
                    state,
                    f"{kind} · {address}",
                    host["SubnetId"],
                    groups,
                    public="PublicIpAddress" in host,
                ),
            )


def _databases(reader: Reader) -> Iterator[tuple[str, Resource]]:
    for database in reader.pages("rds", "describe_db_instances", "DBInstances"):
        placement = database.get("DBSubnetGroup") or {}
        zones = _zones(placement)
        if not zones:
            continue
        name, status = database["DBInstanceIdentifier"], database["DBInstanceStatus"]
        source = database.get("ReadReplicaSourceDBInstanceIdentifier")
        role = (
            f"replica of {source.rsplit(':', 1)[-1]}"
            if source
            else "primary"
            if database.get("MultiAZ")
            else "DB instance"
        )
        groups = tuple(group["VpcSecurityGroupId"] for group in database.get("VpcSecurityGroups", []))
        detail = f"{database['Engine']} {database.get('EngineVersion', '')} · {database['DBInstanceClass']}"
        port = (database.get("Endpoint") or {}).get("Port")
        home = database.get("AvailabilityZone") or next(iter(zones))
        where, public = placement["VpcId"], bool(database.get("PubliclyAccessible"))
        yield (
            where,
            Resource("database", name, role, status, detail, zones.get(home, ""), groups, port, public),
        )
        if database.get("MultiAZ"):
            other = database.get("SecondaryAvailabilityZone") or next(
                (zone for zone in zones if zone != home), home
            )
            yield (
                where,
                Resource("database", name, "standby", status, detail, zones.get(other, ""), (), standby=True),
            )


def _caches(reader: Reader) -> Iterator[tuple[str, Resource]]:
    placements = {
        group["CacheSubnetGroupName"]: group
        for group in reader.pages("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups")
    }
    for cluster in reader.pages(
        "elasticache", "describe_cache_clusters", "CacheClusters", ShowCacheNodeInfo=True
    ):
        placement = placements.get(cluster.get("CacheSubnetGroupName", ""), {})
        zones = _zones(placement)
        groups = tuple(group["SecurityGroupId"] for group in cluster.get("SecurityGroups", []))
        for node in cluster.get("CacheNodes") or [{}]:
            zone = node.get("CustomerAvailabilityZone") or cluster.get("PreferredAvailabilityZone", "")
            if zones:
                yield (
                    placement["VpcId"],
                    Resource(
                        "cache",
                        cluster["CacheClusterId"],
                        "cache node",
                        cluster.get("CacheClusterStatus", ""),
                        f"{cluster.get('Engine', '')} {cluster.get('EngineVersion', '')}"
                        f" · {cluster.get('CacheNodeType', '')}",
                        zones.get(zone, next(iter(zones.values()))),
                        groups,
                        (node.get("Endpoint") or {}).get("Port"),
                    ),
                )


def _zones(placement: dict[str, Any]) -> dict[str, str]:
    return {
        subnet["SubnetAvailabilityZone"]["Name"]: subnet["SubnetIdentifier"]
        for subnet in reversed(placement.get("Subnets", []))
    }


def _subnet(item: dict[str, Any], tables: list[dict[str, Any]]) -> Subnet:
    own = [table for table in tables if table["VpcId"] == item["VpcId"]]
    chosen = next(
        (
            table
            for table in own
            if any(part.get("SubnetId") == item["SubnetId"] for part in table["Associations"])
        ),
        next((table for table in own if any(part.get("Main") for part in table["Associations"])), {}),
    )
    targets = [
        _target(route) for route in chosen.get("Routes", []) if route.get("State", "active") == "active"
    ]
    public = any(target.startswith("igw-") for target in targets)
    nat = any(target.startswith("nat-") for target in targets)
    way_out = "route to the internet" if public else "way out by NAT only" if nat else "no internet route"
    name = _name(item, item["SubnetId"])
    return Subnet(item["SubnetId"], name, item["CidrBlock"], item["AvailabilityZone"], public, way_out)


def _target(route: dict[str, Any]) -> str:
    return str(route.get("GatewayId") or route.get("NatGatewayId") or "")


def _group(item: dict[str, Any]) -> Group:
    rules = [rule for permission in item.get("IpPermissions", []) for rule in _rules(permission)]
    return Group(item["GroupId"], item["GroupName"], tuple(dict.fromkeys(rules)))


def _rules(permission: dict[str, Any]) -> Iterator[Rule]:
    protocol = permission.get("IpProtocol", "-1")
    first, last = permission.get("FromPort", 0), permission.get("ToPort", 65_535)
    everything = protocol == "-1" or (first, last) == (0, 65_535)
    ports = "all ports" if everything else f"{first}" if first == last else f"{first}–{last}"
    if protocol == "-1" or first == -1:
        first, last = 0, 65_535
    if protocol not in ("tcp", "6", "-1"):
        ports, first, last = f"{protocol} {ports}", 1, 0
    sources = [part["CidrIp"] for part in permission.get("IpRanges", [])]
    sources += [part["CidrIpv6"] for part in permission.get("Ipv6Ranges", [])]
    sources += [part["GroupId"] for part in permission.get("UserIdGroupPairs", [])]
    sources += [part["PrefixListId"] for part in permission.get("PrefixListIds", [])]
    return (Rule(source, ports, first, last) for source in sources)


def _name(item: dict[str, Any], otherwise: str) -> str:
    return next(
        (str(tag["Value"]) for tag in item.get("Tags", []) if tag["Key"] == "Name" and tag["Value"]),
        otherwise,
    )
