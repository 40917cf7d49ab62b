"""The only reader of moto's EC2 model: hosts, subnets, routes and security groups as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane

NOWHERE = "192.0.2.1"
"""The address of a host that has none, from the range that is never routed."""


@dataclass(frozen=True)
class Rule:
    """One permission of a security group; ports are None when it covers all of them."""

    protocol: str
    from_port: int | None
    to_port: int | None
    cidr: str | None
    group_id: str | None
    prefix_list_id: str | None

    def covers(self, port: int) -> bool:
        """Whether a TCP connection to this port is meant."""
        if self.protocol == "-1":
            return True
        if self.protocol != "tcp":
            return False
        if self.from_port in (None, -1):
            return True
        return self.from_port <= port <= (self.to_port if self.to_port is not None else self.from_port)

    @property
    def source(self) -> str:
        """The other side of the rule, as a person names it."""
        return self.group_id or self.prefix_list_id or self.cidr or "nothing"


@dataclass(frozen=True)
class Group:
    """A security group."""

    id: str
    vpc_id: str
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]


@dataclass(frozen=True)
class Host:
    """An EC2 instance."""

    id: str
    state: str
    vpc_id: str
    subnet_id: str
    private_ip: str
    private_name: str
    profile: str | None
    security_group_ids: tuple[str, ...]
    public_ip: str | None = None
    zone: str = ""
    user_data: str | None = None
    """In base64, as it was given."""
    boot: int = 0
    """How often it was told to start."""
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Route:
    """An IPv4 route; `gateway_id` is None when it does not leave through a gateway."""

    cidr: str
    gateway_id: str | None


@dataclass(frozen=True)
class RouteTable:
    """A route table; an empty one stands for a table that does not exist any more."""

    id: str
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Subnet:
    """A subnet."""

    id: str
    vpc_id: str
    cidr: str
    zone: str


class Ec2View:
    """The EC2 model of one account and Region; use it while the control plane's lock is held."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    @classmethod
    def of(cls, control: ControlPlane, account_id: str, region: str) -> Ec2View | None:
        """Return the view, or None when nothing was ever made there."""
        for account, name, backend in control.backends("ec2"):
            if (account, name) == (account_id, region):
                return cls(backend)
        return None

    @classmethod
    def born(cls, account_id: str, region: str) -> Ec2View:
        """Return the view, with the default VPC that a first call to EC2 would find."""
        from moto.ec2.models import ec2_backends

        return cls(ec2_backends[account_id][region])

    def hosts(self) -> Iterator[Host]:
        """Return all instances, the terminated ones too while EC2 shows them."""
        for reservation in list(self._backend.reservations.values()):
            yield from map(_host, reservation.instances)

    def host(self, instance_id: str) -> Host | None:
        """Return one instance."""
        return next((host for host in self.hosts() if host.id == instance_id), None)

    def group(self, group_id: str) -> Group | None:
        """Return a security group, of whichever VPC."""
        for groups in list(self._backend.groups.values()):
            if group_id in groups:
                return _group(groups[group_id])
        return None

    def default_group_id(self, vpc_id: str) -> str | None:
        """Return the id of the VPC's default security group."""
        for group in self._backend.groups.get(vpc_id, {}).values():
            if group.name == "default":
                return str(group.id)
        return None

    def default_vpc_id(self) -> str | None:
        """Return the id of the account's default VPC."""
        return next((vpc.id for vpc in self._backend.vpcs.values() if vpc.is_default), None)

    def vpc_subnets(self, vpc_id: str) -> list[Subnet]:
        """Return the subnets of a VPC."""
        return [subnet for subnet in self._all_subnets() if subnet.vpc_id == vpc_id]

    def subnets(self, subnet_ids: Iterable[str]) -> list[Subnet]:
        """Return those of the subnets that exist."""
        wanted = set(subnet_ids)
        return [subnet for subnet in self._all_subnets() if subnet.id in wanted]

    def route_table(self, subnet: Subnet) -> RouteTable:
        """Return the table of the subnet: its own association, else the VPC's main table."""
        tables = [table for table in self._backend.route_tables.values() if table.vpc_id == subnet.vpc_id]
        for table in tables:
            if subnet.id in table._associations.values():
                return _table(table)
        for table in tables:
            if table.main_association_id is not None:
                return _table(table)
        return RouteTable(id="(none)", routes=())

    def gateway_attached(self, gateway_id: str, vpc_id: str) -> bool:
        """Whether this is an internet gateway that is attached to the VPC."""
        gateway = self._backend.internet_gateways.get(gateway_id)
        return gateway is not None and gateway.vpc is not None and gateway.vpc.id == vpc_id

    def cidrs(self, rule: Rule) -> list[str]:
        """Return the IPv4 blocks that a rule names, those of its prefix list included."""
        if rule.prefix_list_id is None:
            return [rule.cidr] if rule.cidr else []
        prefixes = self._backend.managed_prefix_lists.get(rule.prefix_list_id)
        if prefixes is None or not prefixes.entries:
            return []
        entries = prefixes.entries[max(prefixes.entries)] or []
        return [entry["Cidr"] for entry in entries if ":" not in entry["Cidr"]]

    def _all_subnets(self) -> Iterator[Subnet]:
        for zone in list(self._backend.subnets.values()):
            for subnet in zone.values():
                if subnet.cidr_block:
                    yield Subnet(
                        id=subnet.id,
                        vpc_id=subnet.vpc_id,
                        cidr=str(subnet.cidr_block),
                        zone=str(subnet.availability_zone),
                    )


def _host(instance: Any) -> Host:
    nic = instance.nics.get(0) if instance.nics else None
    # moto's group_set of the interface keeps the former groups after modify_instance_attribute
    groups = [group for group in instance.security_groups or [] if not isinstance(group, str)]
    if not groups and nic:
        groups = nic._group_set
    return Host(
        id=instance.id,
        state=instance.state,
        vpc_id=instance.vpc_id or "",
        subnet_id=instance.subnet_id or "",
        private_ip=instance.private_ip or NOWHERE,
        private_name=instance.private_dns_name or "",
        profile=_profile(instance),
        security_group_ids=tuple(group.id for group in groups),
        public_ip=nic.public_ip if nic else None,
        zone=str(instance.availability_zone or ""),
        user_data=str(instance.user_data) if instance.user_data else None,
        boot=getattr(instance, "boot", 0),
        tags=tuple((str(tag["key"]), str(tag["value"])) for tag in instance.get_tags()),
    )


def _profile(instance: Any) -> str | None:
    backend = instance.ec2_backend
    association = backend.iam_instance_profile_associations.get(instance.id)
    if association:
        return str(association.iam_instance_profile.arn)
    profile = instance.iam_instance_profile
    if isinstance(profile, dict):
        return profile.get("Arn") or profile.get("Name")
    return str(profile) if profile else None


def _group(group: Any) -> Group:
    return Group(
        id=group.id,
        vpc_id=group.vpc_id or "",
        ingress=tuple(map(_rule, group.ingress_rules)),
        egress=tuple(map(_rule, group.egress_rules)),
    )


def _rule(rule: Any) -> Rule:
    source = rule.source_group or {}
    return Rule(
        protocol=rule.ip_protocol or "-1",
        from_port=rule.from_port,
        to_port=rule.to_port,
        cidr=rule.ip_range.get("CidrIp"),
        group_id=source.get("GroupId"),
        prefix_list_id=rule.prefix_list_id,
    )


def _table(table: Any) -> RouteTable:
    routes = [
        Route(cidr=route.destination_cidr_block, gateway_id=route.gateway.id if route.gateway else None)
        for route in table.routes
        if route.destination_cidr_block
    ]
    return RouteTable(id=table.id, routes=tuple(routes))
