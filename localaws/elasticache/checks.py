"""What AWS refuses at the door: identifiers, node types, tokens, windows, and states."""

from __future__ import annotations

import re
from typing import Any

from localaws.elasticache import faults, versions
from localaws.elasticache.models import Owner, ReplicationGroup, Shared
from localaws.elasticache.nodetypes import NODE_TYPES
from localaws.elasticache.placement import Placement

_IDENTIFIER = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9])*")
_TOKEN = re.compile(r"[!-~]{16,128}")
_FORBIDDEN_IN_TOKENS = frozenset('@"/')
_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_DAYS = "mon|tue|wed|thu|fri|sat|sun"
_MAINTENANCE = re.compile(rf"({_DAYS}):([01]\d|2[0-3]):[0-5]\d-({_DAYS}):([01]\d|2[0-3]):[0-5]\d")
MOST_RETAINED = 35


def identifier(parameter: str, value: str | None, longest: int) -> str:
    """Return an identifier as AWS keeps it."""
    if not value or len(value) > longest or not _IDENTIFIER.fullmatch(value):
        raise faults.invalid(
            f"The parameter {parameter} is not a valid identifier: up to {longest} letters, digits and "
            "hyphens, beginning with a letter, without two hyphens in a row or one at the end."
        )
    return value.lower()


def node_type(name: str | None) -> str:
    """Return a node type that exists."""
    if not name:
        raise faults.invalid("The parameter CacheNodeType must be provided and must not be null.")
    if name not in NODE_TYPES:
        raise faults.invalid(f"Invalid Cache Node Type: {name}. They begin with cache., as cache.t3.micro.")
    return name


def token(value: str | None, *, encrypted: bool) -> None:
    """Refuse an AUTH token that AWS refuses."""
    if value is None:
        return
    if not encrypted:
        raise faults.combination("AuthToken needs TransitEncryptionEnabled: it may not travel in clear text.")
    if not _TOKEN.fullmatch(value) or _FORBIDDEN_IN_TOKENS & set(value):
        raise faults.invalid('AuthToken must have 16 to 128 printable characters, none of them @, " or /.')


def windows(request: dict[str, Any]) -> None:
    """Refuse windows and a retention that AWS refuses."""
    snapshot, maintenance = request.get("SnapshotWindow"), request.get("PreferredMaintenanceWindow")
    if snapshot and not _WINDOW.fullmatch(snapshot):
        raise faults.invalid(f"Invalid snapshot window {snapshot}. Give one as 05:00-06:00, in UTC.")
    if maintenance and not _MAINTENANCE.fullmatch(maintenance.lower()):
        raise faults.invalid(
            f"Invalid maintenance window {maintenance}. Give one as sun:23:00-mon:01:30, in UTC."
        )
    retention = int(request.get("SnapshotRetentionLimit") or 0)
    if not 0 <= retention <= MOST_RETAINED:
        raise faults.invalid(
            f"Invalid snapshot retention limit {retention}. It is 0 to {MOST_RETAINED} days."
        )


def port(value: Any, engine: str) -> int:
    """Return the port of a new cache."""
    if value is None:
        return 11211 if engine == "memcached" else 6379
    if not 1 <= int(value) <= 65535:
        raise faults.invalid(f"Invalid port {value}. Choose one from 1 to 65535.")
    return int(value)


def encryption(request: dict[str, Any], *, now: bool = False) -> tuple[bool, str | None]:
    """Return whether a cache encrypts, and whether it accepts nothing else; `now`: what it does so far."""
    given, mode = request.get("TransitEncryptionEnabled"), request.get("TransitEncryptionMode")
    encrypted = now if given is None else bool(given)
    if mode not in (None, "required", "preferred"):
        raise faults.invalid(f"Invalid TransitEncryptionMode {mode}. Choose required or preferred.")
    if mode and not encrypted:
        raise faults.combination("TransitEncryptionMode needs TransitEncryptionEnabled.")
    return encrypted, (mode or "required") if encrypted else None


def absent(request: dict[str, Any]) -> None:
    """Refuse what this local AWS does not have."""
    for parameter, remedy in _ABSENT.items():
        if request.get(parameter):
            raise faults.invalid(f"{parameter} is not available in this local AWS: {remedy}.")


_ABSENT = {
    "SnapshotArns": "restore a snapshot of ElastiCache by SnapshotName",
    "GlobalReplicationGroupId": "there are no global datastores",
    "DataTieringEnabled": "there are no nodes with disks",
    "ServerlessCacheSnapshotName": "there are no serverless caches",
    "PreferredOutpostArn": "there are no Outposts",
    "LogDeliveryConfigurations": "logs are not delivered",
}


def shared(request: dict[str, Any], version: versions.Version, place: Placement, group: str) -> Shared:
    """Return what a new cache's nodes have in common."""
    encrypted, mode = encryption(request)
    token(request.get("AuthToken"), encrypted=encrypted)
    windows(request)
    given = request.get("AuthToken")
    return Shared(
        engine=version.engine,
        engine_version=version.number,
        node_type=node_type(request.get("CacheNodeType")),
        parameter_group_name=group,
        subnet_group=place.subnet_group,
        vpc_id=place.vpc_id,
        subnet_ids=place.subnet_ids,
        security_group_ids=place.security_group_ids,
        port=port(request.get("Port"), version.engine),
        maintenance_window=(request.get("PreferredMaintenanceWindow") or "sun:23:00-mon:01:30").lower(),
        snapshot_window=request.get("SnapshotWindow") or "05:00-06:00",
        snapshot_retention_limit=int(request.get("SnapshotRetentionLimit") or 0),
        auto_minor_version_upgrade=request.get("AutoMinorVersionUpgrade") is not False,
        encrypted=encrypted,
        encryption_mode=mode,
        tokens=[given] if given else [],
        token_needed=bool(given),
        topic=request.get("NotificationTopicArn"),
        at_rest=bool(request.get("AtRestEncryptionEnabled")),
        kms_key_id=request.get("KmsKeyId"),
    )


def require(owner: Owner, *states: str) -> None:
    """Refuse an operation that the state of a cluster or group forbids."""
    if owner.status in (states or ("available",)):
        return
    if isinstance(owner, ReplicationGroup):
        raise faults.CacheFault(
            "InvalidReplicationGroupState",
            f"Replication group {owner.replication_group_id} is {owner.status}. Wait until it is available.",
        )
    raise faults.wrong_state(
        f"Cache cluster {owner.cache_cluster_id} is {owner.status}. Wait until it is available."
    )
