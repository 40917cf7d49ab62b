"""Where a replication instance stands: subnets and security groups, checked against EC2's model."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from moto.moto_api._internal import mock_random

from localaws.bridge.ec2 import Ec2View
from localaws.dms import faults
from localaws.dms.models import SubnetGroup

DEFAULT = "default"
_FIRST = 40


def arn(backend: Any, kind: str, name: str) -> str:
    """Return the ARN of a resource."""
    return f"arn:{backend.partition}:dms:{backend.region_name}:{backend.account_id}:{kind}:{name}"


def subnet_group(backend: Any, name: str, description: str, subnet_ids: list[str]) -> SubnetGroup:
    """Return a group of subnets that one VPC has in two Availability Zones."""
    view = Ec2View.born(backend.account_id, backend.region_name)
    found = {subnet.id: subnet for subnet in view.subnets(subnet_ids)}
    for subnet_id in subnet_ids:
        if subnet_id not in found:
            raise faults.subnet(f"The subnet ID '{subnet_id}' does not exist.")
    if len({subnet.vpc_id for subnet in found.values()}) > 1:
        raise faults.subnet("The subnets of a replication subnet group must be of one VPC.")
    if len({subnet.zone for subnet in found.values()}) < 2:
        raise faults.too_few_zones()
    subnets = [(subnet_id, found[subnet_id].zone) for subnet_id in dict.fromkeys(subnet_ids)]
    vpc_id = next(iter(found.values())).vpc_id
    return SubnetGroup(name, arn(backend, "subgrp", name), description, vpc_id, subnets)


def default_group(backend: Any) -> SubnetGroup:
    """Return the group of all subnets of the default VPC."""
    view = Ec2View.born(backend.account_id, backend.region_name)
    vpc_id = view.default_vpc_id()
    if vpc_id is None:
        raise faults.not_found("The default VPC, which an instance without a replication subnet group needs,")
    subnet_ids = [subnet.id for subnet in view.vpc_subnets(vpc_id)]
    return subnet_group(backend, DEFAULT, "default group created by console for vpc id " + vpc_id, subnet_ids)


def security_groups(backend: Any, vpc_id: str, asked: list[str] | None) -> list[str]:
    """Return the groups of a request, which must be of the VPC, or its default group."""
    view = Ec2View.born(backend.account_id, backend.region_name)
    if not asked:
        default = view.default_group_id(vpc_id)
        return [default] if default else []
    for group_id in asked:
        group = view.group(group_id)
        if group is None or group.vpc_id != vpc_id:
            raise faults.invalid(
                f"Invalid security group , groupId= {group_id}, groupName=. It must be of {vpc_id}, the VPC "
                "of the replication subnet group."
            )
    return list(asked)


def stand(backend: Any, group: SubnetGroup, zone: str | None) -> tuple[str, str, str]:
    """Return subnet, zone and private address of a new instance."""
    choices = [(subnet, name) for subnet, name in group.subnets if zone in (None, name)]
    if not choices:
        raise faults.invalid(
            f"The Availability Zone {zone} is not one of the replication subnet group {group.identifier}."
        )
    subnet_id, found = choices[0]
    view = Ec2View.born(backend.account_id, backend.region_name)
    cidr = ip_network(view.subnets([subnet_id])[0].cidr)
    taken = {each.private_ip for each in backend.replication_instances.values()}
    room = range(min(_FIRST, cidr.num_addresses // 2), cidr.num_addresses - 1)
    address = next((str(cidr[n]) for n in room if str(cidr[n]) not in taken), str(cidr[-2]))
    return subnet_id, found, address


def public_address() -> str:
    """Return an address of the range that documentation uses."""
    return f"198.51.100.{1 + int(mock_random.get_random_hex(2), 16) % 250}"
