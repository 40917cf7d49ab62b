"""DMS's resources as the model keeps them: plain values that can be pickled."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow


@dataclass
class SubnetGroup:
    """A replication subnet group."""

    identifier: str
    arn: str
    description: str
    vpc_id: str
    subnets: list[tuple[str, str]]
    """(subnet, Availability Zone)."""

    def describe(self) -> dict[str, Any]:
        """Return the ReplicationSubnetGroup of an answer."""
        return {
            "ReplicationSubnetGroupIdentifier": self.identifier,
            "ReplicationSubnetGroupDescription": self.description,
            "VpcId": self.vpc_id,
            "SubnetGroupStatus": "Complete",
            "Subnets": [
                {
                    "SubnetIdentifier": subnet,
                    "SubnetAvailabilityZone": {"Name": zone},
                    "SubnetStatus": "Active",
                }
                for subnet, zone in self.subnets
            ],
            "SupportedNetworkTypes": ["IPV4"],
        }


@dataclass
class Instance:
    """A replication instance. `asked` is the request that made it, with what was modified since."""

    identifier: str
    arn: str
    group: SubnetGroup
    zone: str
    subnet_id: str
    private_ip: str
    public_ip: str | None
    security_group_ids: list[str]
    asked: dict[str, Any]
    status: str = "creating"
    work: list[str] = field(default_factory=lambda: ["create"])
    pending: dict[str, Any] = field(default_factory=dict)
    created: datetime = field(default_factory=utcnow)

    def describe(self) -> dict[str, Any]:
        """Return the ReplicationInstance of an answer."""
        second = [zone for _, zone in self.group.subnets if zone != self.zone]
        keys = ("ReplicationInstanceClass", "AllocatedStorage", "PreferredMaintenanceWindow", "MultiAZ")
        more = ("EngineVersion", "AutoMinorVersionUpgrade", "PubliclyAccessible", "NetworkType")
        optional = ("KmsKeyId", "DnsNameServers", "KerberosAuthenticationSettings")
        shown = {key: self.asked[key] for key in (*keys, *more)}
        shown |= {key: self.asked[key] for key in optional if self.asked.get(key)}
        public = [self.public_ip] if self.public_ip else []
        return shown | {
            "ReplicationInstanceIdentifier": self.identifier,
            "ReplicationInstanceArn": self.arn,
            "ReplicationInstanceStatus": self.status,
            "InstanceCreateTime": self.created,
            "VpcSecurityGroups": [
                {"VpcSecurityGroupId": each, "Status": "active"} for each in self.security_group_ids
            ],
            "AvailabilityZone": self.zone,
            "SecondaryAvailabilityZone": second[0] if self.asked["MultiAZ"] and second else None,
            "ReplicationSubnetGroup": self.group.describe(),
            "PendingModifiedValues": self.pending,
            "ReplicationInstancePrivateIpAddress": self.private_ip,
            "ReplicationInstancePrivateIpAddresses": [self.private_ip],
            "ReplicationInstancePublicIpAddress": self.public_ip,
            "ReplicationInstancePublicIpAddresses": public,
            "ReplicationInstanceIpv6Addresses": [],
        }


@dataclass
class Endpoint:
    """A source or target endpoint. `asked` is the request; its password is never shown."""

    identifier: str
    arn: str
    kind: str
    engine: str
    asked: dict[str, Any]
    status: str = "active"
    schemas: list[str] = field(default_factory=list)
    refresh: dict[str, Any] | None = None
    work: list[str] = field(default_factory=list)


@dataclass
class Connection:
    """A test of an endpoint from a replication instance."""

    instance: str
    endpoint: str
    instance_identifier: str
    endpoint_identifier: str
    status: str = "testing"
    message: str = ""
    turn: int = 0

    def describe(self) -> dict[str, Any]:
        """Return the Connection of an answer."""
        return {
            "ReplicationInstanceArn": self.instance,
            "EndpointArn": self.endpoint,
            "Status": self.status,
            "LastFailureMessage": self.message,
            "EndpointIdentifier": self.endpoint_identifier,
            "ReplicationInstanceIdentifier": self.instance_identifier,
        }


@dataclass
class Task:
    """A replication task; `run` counts its fresh starts."""

    identifier: str
    uid: str
    arn: str
    source: str
    target: str
    instance: str
    migration: str
    mappings: str
    settings: dict[str, Any]
    cdc: dict[str, Any]
    """CdcStartTime (epoch seconds), CdcStartPosition, CdcStopPosition as they were given."""
    task_data: str | None = None
    status: str = "creating"
    work: list[str] = field(default_factory=lambda: ["create"])
    run: int = 0
    failure: str = ""
    reason: str = ""
    created: datetime = field(default_factory=utcnow)
    started: datetime | None = None
    reloads: list[list[str]] = field(default_factory=list)
    """Tables that a running task is to load again: schema and name."""


@dataclass
class Event:
    """Something that happened to a replication instance or task."""

    source: str
    kind: str
    message: str
    categories: list[str]
    date: datetime = field(default_factory=utcnow)

    def describe(self) -> dict[str, Any]:
        """Return the Event of an answer."""
        return {
            "SourceIdentifier": self.source,
            "SourceType": self.kind,
            "Message": self.message,
            "EventCategories": self.categories,
            "Date": self.date,
        }
