"""Replication instances: how one is made, and what a modification means."""

from __future__ import annotations

from typing import Any

from localaws.dms import catalogue, faults
from localaws.dms.endpoints import check_identifier
from localaws.dms.models import Instance
from localaws.dms.placement import arn, public_address, security_groups, stand

IMMEDIATE = (
    "AutoMinorVersionUpgrade",
    "PreferredMaintenanceWindow",
    "NetworkType",
    "KerberosAuthenticationSettings",
)
WORK = ("ReplicationInstanceClass", "AllocatedStorage", "MultiAZ", "EngineVersion")
"""What takes a restart, and waits for the maintenance window unless it is to be applied immediately."""


def new(backend: Any, asked: dict[str, Any]) -> Instance:
    """Return a new instance; it becomes available when the controller has seen it."""
    name = check_identifier("ReplicationInstanceIdentifier", asked.get("ReplicationInstanceIdentifier"), 63)
    if any(each.identifier == name for each in backend.replication_instances.values()):
        raise faults.exists()
    _check(asked)
    group = backend.subnet_group(asked.get("ReplicationSubnetGroupIdentifier"))
    subnet_id, zone, address = stand(backend, group, asked.get("AvailabilityZone"))
    public = asked.get("PubliclyAccessible", True)
    size = str(asked["ReplicationInstanceClass"])
    kept = {
        "ReplicationInstanceClass": size,
        "AllocatedStorage": asked.get("AllocatedStorage") or (50 if ".t" in size else 100),
        "PreferredMaintenanceWindow": asked.get("PreferredMaintenanceWindow") or "sun:05:00-sun:05:30",
        "MultiAZ": bool(asked.get("MultiAZ")),
        "EngineVersion": _version(asked.get("EngineVersion")),
        "AutoMinorVersionUpgrade": asked.get("AutoMinorVersionUpgrade", True),
        "PubliclyAccessible": bool(public),
        "NetworkType": asked.get("NetworkType") or "IPV4",
        "KmsKeyId": asked.get("KmsKeyId") or arn(backend, "key", "aws/dms").replace(":dms:", ":kms:"),
        "DnsNameServers": asked.get("DnsNameServers"),
        "KerberosAuthenticationSettings": asked.get("KerberosAuthenticationSettings"),
    }
    place = arn(backend, "rep", asked.get("ResourceIdentifier") or backend.resource_id())
    groups = security_groups(backend, group.vpc_id, asked.get("VpcSecurityGroupIds"))
    outside = public_address() if public else None
    return Instance(name, place, group, zone, subnet_id, address, outside, groups, kept)


def change(backend: Any, asked: dict[str, Any]) -> Instance:
    """ModifyReplicationInstance."""
    instance: Instance = backend.instance(asked.get("ReplicationInstanceArn"))
    if instance.status != "available":
        raise faults.wrong_state(f"Replication instance {instance.identifier} is {instance.status}.")
    _check({**instance.asked, **asked})
    if asked.get("EngineVersion"):
        _check_upgrade(instance, asked)
    if asked.get("ReplicationInstanceIdentifier"):
        name = check_identifier("ReplicationInstanceIdentifier", asked["ReplicationInstanceIdentifier"], 63)
        instance.identifier = name
    if asked.get("VpcSecurityGroupIds"):
        groups = security_groups(backend, instance.group.vpc_id, asked["VpcSecurityGroupIds"])
        instance.security_group_ids = groups
    instance.asked |= {key: asked[key] for key in IMMEDIATE if asked.get(key) is not None}
    work = {key: asked[key] for key in WORK if asked.get(key) not in (None, instance.asked[key])}
    instance.pending |= work
    if asked.get("ApplyImmediately") and instance.pending:
        instance.status, instance.work = "modifying", ["modify"]
    return instance


def _check(asked: dict[str, Any]) -> None:
    size = asked.get("ReplicationInstanceClass")
    if size not in (*catalogue.CLASSES, *catalogue.OLD_CLASSES):
        raise faults.invalid(
            f"Invalid replication instance class: {size}. See describe_orderable_replication_instances."
        )
    storage = asked.get("AllocatedStorage")
    if storage is not None and not 5 <= int(storage) <= 6144:
        raise faults.invalid("AllocatedStorage must be between 5 and 6144 (GB).")
    if asked.get("MultiAZ") and asked.get("AvailabilityZone"):
        raise faults.combination("AvailabilityZone cannot be given for a Multi-AZ replication instance.")


def _check_upgrade(instance: Instance, asked: dict[str, Any]) -> None:
    now, then = instance.asked["EngineVersion"], str(asked["EngineVersion"])
    if then.split(".")[0] > now.split(".")[0] and not asked.get("AllowMajorVersionUpgrade"):
        raise faults.combination(
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version"
        )
    _version(then)


def _version(asked: str | None) -> str:
    if not asked:
        return catalogue.DEFAULT_VERSION
    if asked not in catalogue.VERSIONS:
        raise faults.invalid(
            f"No replication engine found with version: {asked}. Use one of {', '.join(catalogue.VERSIONS)}."
        )
    return asked
