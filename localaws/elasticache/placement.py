"""Where a cache lives: subnet group, VPC and security groups, checked against the EC2 model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moto.elasticache.exceptions import CacheSubnetGroupNotFound, InvalidSubnet

from localaws.bridge.ec2 import Ec2View
from localaws.elasticache import faults


@dataclass(frozen=True)
class Placement:
    """A cache's place in the network."""

    subnet_group: str
    vpc_id: str
    subnet_ids: list[str]
    security_group_ids: list[str]
    zone: str


def place(backend: Any, subnet_group: str | None, security_groups: list[str] | None) -> Placement:
    """Return where a new cache goes: the default VPC unless the request says otherwise."""
    view = Ec2View.born(backend.account_id, backend.region_name)
    if subnet_group:
        if subnet_group not in backend.cache_subnet_groups:
            raise CacheSubnetGroupNotFound(subnet_group)
        group = backend.cache_subnet_groups[subnet_group]
        vpc_id, subnet_ids = str(group.vpc_id), list(group.subnet_ids)
    else:
        vpc_id = view.default_vpc_id() or ""
        subnet_ids = [subnet.id for subnet in view.vpc_subnets(vpc_id)]
    zones = [subnet.zone for subnet in view.subnets(subnet_ids)]
    return Placement(
        subnet_group=subnet_group or "default",
        vpc_id=vpc_id,
        subnet_ids=subnet_ids,
        security_group_ids=checked_groups(view, vpc_id, security_groups),
        zone=zones[0] if zones else f"{backend.region_name}a",
    )


def checked_groups(view: Ec2View, vpc_id: str, security_groups: list[str] | None) -> list[str]:
    """Return the groups of a request, which must be of the VPC, or its default group."""
    if not security_groups:
        default = view.default_group_id(vpc_id)
        return [default] if default else []
    for group_id in security_groups:
        group = view.group(group_id)
        if group is None or group.vpc_id != vpc_id:
            raise faults.invalid(
                f"Some security group ids are not valid: {group_id} is not a group of {vpc_id}. "
                "Name groups of the VPC of the cache subnet group."
            )
    return list(security_groups)


def check_subnets(backend: Any, subnet_ids: list[str]) -> None:
    """Refuse a subnet group that names a subnet that does not exist."""
    view = Ec2View.born(backend.account_id, backend.region_name)
    known = {subnet.id for subnet in view.subnets(subnet_ids)}
    for subnet_id in subnet_ids:
        if subnet_id not in known:
            raise InvalidSubnet(subnet_id)


def zones_of(backend: Any, subnet_ids: list[str]) -> list[str]:
    """Return the Availability Zones of subnets."""
    view = Ec2View.born(backend.account_id, backend.region_name)
    return sorted({subnet.zone for subnet in view.subnets(subnet_ids)}) or [f"{backend.region_name}a"]
