"""What the API does with DB subnet groups."""

from __future__ import annotations

import re
from typing import Any

from moto.rds.exceptions import RDSClientError

from localaws.rds import faults, validation
from localaws.rds.models import DBInstance
from localaws.rds.placement import Placement
from localaws.rds.resources import DBSubnetGroup

_NAME = re.compile(r"[a-z0-9._ -]{1,255}\Z")


def default_group(backend: Any) -> DBSubnetGroup:
    """The subnet group `default`, of the default VPC's subnets, made at its first use."""
    if "default" not in backend.subnet_groups:
        subnets = Placement(backend.account_id, backend.region_name).default_subnets()
        if not subnets:
            raise RDSClientError(
                "InvalidSubnet",
                "No default subnet detected in VPC. Name a DB subnet group with DBSubnetGroupName.",
            )
        backend.subnet_groups["default"] = DBSubnetGroup(backend, "default", "default", subnets, [])
    group: DBSubnetGroup = backend.subnet_groups["default"]
    return group


def create_group(backend: Any, name: str, description: str, subnets: list[Any], tags: Any) -> DBSubnetGroup:
    """A subnet group of subnets that were checked."""
    name = (name or "").lower()
    if not name:
        raise faults.blank("DBSubnetGroupName")
    if name == "default" or not _NAME.match(name):
        raise faults.invalid(
            f"The parameter DBSubnetGroupName is not a valid name: {name}. It must contain no more than 255 "
            "alphanumeric characters, periods, underscores, spaces, or hyphens, and not be default."
        )
    if not description:
        raise faults.blank("DBSubnetGroupDescription")
    if name in backend.subnet_groups:
        raise RDSClientError(
            "DBSubnetGroupAlreadyExistsFault", f"The DB subnet group '{name}' already exists."
        )
    group = DBSubnetGroup(backend, name, description, subnets, validation.tags(tags))
    backend.subnet_groups[name] = group
    return group


def modify_group(backend: Any, name: str, description: str | None, subnets: list[Any]) -> DBSubnetGroup:
    """Give a group other subnets; the zones that hold an instance have to stay."""
    group: DBSubnetGroup = backend.describe_db_subnet_groups(name)[0]
    kept = {subnet.availability_zone for subnet in subnets}
    for user in _users(backend, group):
        if user.availability_zone not in kept or subnets[0].vpc_id != group.vpc_id:
            raise RDSClientError(
                "SubnetAlreadyInUse",
                f"The DB instance {user.db_instance_identifier} uses a subnet in {user.availability_zone}; "
                "it cannot be removed from the group.",
            )
    group.subnets = subnets
    group.vpc_id = subnets[0].vpc_id
    group.description = description or group.description
    return group


def delete_group(backend: Any, name: str) -> DBSubnetGroup:
    """Delete a group that no instance uses."""
    group: DBSubnetGroup = backend.describe_db_subnet_groups(name)[0]
    users = _users(backend, group)
    if users:
        raise RDSClientError(
            "InvalidDBSubnetGroupStateFault",
            f"Cannot delete the subnet group '{group.name}' because at least one database instance: "
            f"{users[0].db_instance_identifier} is still using it.",
        )
    del backend.subnet_groups[group.name]
    return group


def _users(backend: Any, group: DBSubnetGroup) -> list[DBInstance]:
    return [each for each in backend.databases.values() if each.db_subnet_group is group]
