"""A DB instance: moto's, with states, pending values, parameters in force and work for the controller."""

from __future__ import annotations

import hashlib
import string
from datetime import datetime, timedelta
from typing import Any

import moto.rds.models as base
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random

from localaws.rds import lineage, versions
from localaws.rds.agenda import Agenda
from localaws.rds.classes import CLASSES, memory_of
from localaws.rds.flavours import flavour
from localaws.rds.work import JSON, STATUS, Item, Modify, Source

_NEUTRAL_WINDOWS = {
    "preferred_backup_window": "13:14-13:44",
    "preferred_maintenance_window": "wed:06:38-wed:07:08",
}
_RESOURCE_ALPHABET = string.ascii_uppercase + string.digits
RESTORABLE_LAG = timedelta(seconds=2)
"""How far LatestRestorableTime stays behind: an archive gets its last segment within this."""


class DBInstance(Agenda, base.DBInstance):
    """A DB instance; what it says of itself is what the controller has settled."""

    STATUSES = STATUS
    PENDING_NAMES = {
        "allocated_storage": "AllocatedStorage",
        "backup_retention_period": "BackupRetentionPeriod",
        "ca_certificate_identifier": "CACertificateIdentifier",
        "db_instance_class": "DBInstanceClass",
        "db_instance_identifier": "DBInstanceIdentifier",
        "enable_iam_database_authentication": "IAMDatabaseAuthenticationEnabled",
        "engine_version": "EngineVersion",
        "iops": "Iops",
        "license_model": "LicenseModel",
        "master_user_password": "MasterUserPassword",
        "multi_az": "MultiAZ",
        "port": "Port",
        "storage_throughput": "StorageThroughput",
        "storage_type": "StorageType",
    }
    availability_zone: str

    def __init__(self, backend: Any, **given: Any) -> None:
        windows = {name: given.pop(name) for name in _NEUTRAL_WINDOWS}
        managed = given.pop("manage_master_user_password", False)
        version = given["engine_version"]
        super().__init__(backend, **given, **_NEUTRAL_WINDOWS)
        if managed:
            self.manage_password(given.get("master_user_secret_kms_key_id"))
        self.preferred_backup_window = windows["preferred_backup_window"]
        self.preferred_maintenance_window = windows["preferred_maintenance_window"]
        if not self.option_group_supplied:
            major = versions.family(self.engine, version).removeprefix(self.engine)
            self.option_group_name = f"default:{self.engine}-{major.replace('.', '-')}"
        self.dbi_resource_id = "db-" + "".join(mock_random.choice(_RESOURCE_ALPHABET) for _ in range(26))
        self.work: list[Item] = []
        self.deferred: dict[str, JSON] = {}
        self.endpoint_address: str | None = None
        self.resting_status = "available"
        self.status = "creating"
        self.status_reason: str | None = None
        self.backed_up: datetime | None = None
        self.down_since: datetime | None = None
        self.retains_backups = False
        self.recovered_from: str | None = None
        self.source: Source | None = None
        self.source_name: str | None = None
        self.replication: tuple[str, str] = ("replicating", "")
        self.standby_zone: str | None = None
        self.parameters_in_force: dict[str, str] = {}
        self.awaiting_reboot: set[str] = set()
        self.group_awaits_reboot = False
        self.load_parameters()

    # -- work

    def apply(self, item: Modify) -> None:
        """Let a modification that has happened take effect in the model."""
        for name, value in item["changes"].items():
            setattr(self, name, value)
        if item["changes"].get("multi_az") is False:
            self.standby_zone = None

    @property
    def archiving(self) -> bool:
        """Whether the WAL has to be archived, with what the head of the work brings."""
        head = self.work[0] if self.work else None
        if head is not None and head["do"] == "promote":
            return head["backup_retention_period"] > 0
        return bool(self.work_changes().get("backup_retention_period", self.backup_retention_period))

    # -- replication

    def follow(self, source: DBInstance) -> None:
        """Become a read replica of another instance."""
        self.source, self.is_replica = lineage.place(source), True
        self.source_name = lineage.name_seen_from(source, self.region)

    def stand_alone(self) -> None:
        """Be a read replica no longer."""
        self.source, self.source_name, self.is_replica = None, None, False

    def fail_over(self, zone: str) -> None:
        """The standby in `zone` is the primary now, and the former primary the standby."""
        if zone != self.availability_zone:
            self.standby_zone = self.availability_zone
            self.availability_zone = zone

    @property
    def read_replica_source_db_instance_identifier(self) -> str | None:
        """The source of a replica; of a deleted one the name that it had."""
        source = lineage.source_of(self)
        return lineage.name_seen_from(source, self.region) if source else self.source_name

    @property
    def read_replica_db_instance_identifiers(self) -> list[str]:
        """The replicas of the instance."""
        return [lineage.name_seen_from(each, self.region) for each in lineage.replicas_of(self)]

    @property
    def status_infos(self) -> list[dict[str, Any]] | None:
        """StatusInfos of the response: how a replica's replication does."""
        if not self.is_replica or self.endpoint_address is None:
            return None
        status, message = self.replication
        told = {"StatusType": "read replication", "Status": status, "Normal": status == "replicating"}
        return [told | ({"Message": message} if message else {})]

    # -- parameters

    @property
    def group(self) -> Any:
        """The parameter group that is attached."""
        return self.db_parameter_groups()[0]

    @property
    def effective_parameters(self) -> dict[str, str]:
        """Parameters in force; of a cluster's member also those that the cluster sets."""
        return self.parameters_in_force

    def load_parameters(self) -> None:
        """Take over the attached group whole, as a start of the server does."""
        self.parameters_in_force = dict(self.group.values())
        self.awaiting_reboot = set()
        self.group_awaits_reboot = False

    def settings(self) -> dict[str, str]:
        """The configuration that the server has to run with now."""
        changed = self.work_changes()
        name = str(changed.get("db_instance_class", self.db_instance_class))
        known = CLASSES.get(name)
        variables = {
            "DBInstanceClassMemory": memory_of(name),
            "DBInstanceVCPU": known.vcpus if known else 1,
            "AllocatedStorage": self.allocated_storage * 1024**3,
            "EndPointPort": self.port or 0,
            "TrueIfReplica": int(self.is_replica),
        }
        way = flavour(self.engine)
        shown = {way.tls_setting: "on" if self.force_ssl else "off"} if way.tls_setting else {}
        return way.settings(self.effective_parameters, variables) | shown

    @property
    def force_ssl(self) -> bool:
        """Whether the endpoint refuses connections without TLS."""
        return flavour(self.engine).forces_tls(self.effective_parameters, self.engine_version)

    @property
    def db_parameter_group_status_list(self) -> list[dict[str, str]]:
        """DBParameterGroups of the response."""
        status = "pending-reboot" if self.group_awaits_reboot or self.awaiting_reboot else "in-sync"
        # the dynamic half of a change comes first: only then is a reboot all that is missing
        if any(item["do"] == "configure" for item in self.work):
            status = "applying"
        return [{"DBParameterGroupName": self.group.name, "ParameterApplyStatus": status}]

    def default_db_parameter_group_details(self) -> tuple[str, str]:
        """Family of the engine version and the name of its default group."""
        family = versions.family(self.engine, self.engine_version)
        return family, f"default.{family}"

    def is_default_parameter_group(self, param_group_name: str) -> bool:
        """Whether the name is that of a default group."""
        return param_group_name.startswith("default.")

    def db_parameter_groups(self) -> list[Any]:
        """The attached group in a list, the default one made at first use."""
        name = self.db_parameter_group_name
        if name and not self.is_default_parameter_group(name):
            return [self.backend.db_parameter_groups[name]]
        return [self.backend.default_parameter_group(*self.default_db_parameter_group_details())]

    # -- the response

    @property
    def dns_name(self) -> str:
        """The host name that the endpoint would have on AWS; the certificate names it as well."""
        owner = hashlib.sha256(f"{self.account_id}{self.region}".encode()).hexdigest()
        return f"{self.db_instance_identifier}.c{owner[:11]}.{self.region}.rds.amazonaws.com"

    @property
    def address(self) -> str:
        """Address of the endpoint; the host name while there is none."""
        return self.endpoint_address or self.dns_name

    @property
    def endpoint(self) -> dict[str, Any] | None:
        """Endpoint of the response, once it exists."""
        if self.endpoint_address is None:
            return None
        return {"Address": self.endpoint_address, "Port": self.port, "HostedZoneId": "Z2R2ITUGPM61AM"}

    @property
    def db_instance_port(self) -> int:
        """Always 0 on AWS; the port is the endpoint's."""
        return 0

    @property
    def latest_restorable_time(self) -> datetime | None:
        """A few seconds ago, or when the instance was stopped; none without automated backups."""
        if not self.backup_retention_period or self.backed_up is None or not flavour(self.engine).recovers:
            return None
        latest = (self.down_since or utcnow() - RESTORABLE_LAG).replace(microsecond=0)
        return max(self.backed_up, latest)

    @property
    def certificate_details(self) -> dict[str, Any]:
        """CertificateDetails of the response."""
        return {
            "CAIdentifier": self.ca_certificate_identifier,
            "ValidTill": self.created + timedelta(days=365),
        }

    @property
    def vpc_id(self) -> str:
        """The VPC of the subnet group."""
        return str(self.db_subnet_group.vpc_id)

    @property
    def directory(self) -> str | None:
        """The directory of the instance, for the filter `domain`."""
        return self.domain_memberships[0].domain if self.domain_memberships else None

    @property
    def secondary_availability_zone(self) -> str | None:
        """Zone of the standby of a Multi-AZ instance."""
        return self.standby_zone if self.multi_az else None

    @property
    def iam_database_authentication_enabled(self) -> bool:
        """IAMDatabaseAuthenticationEnabled of the response."""
        return bool(self.enable_iam_database_authentication)

    network_type = "IPV4"
    backup_target = "region"
    customer_owned_ip_enabled = False
    activity_stream_status = "stopped"
    performance_insights_enabled = False
    dedicated_log_volume = False
    multi_tenant = False
    engine_lifecycle_support = "open-source-rds-extended-support"
    is_storage_config_upgrade_available = False
