"""A DB cluster of Aurora PostgreSQL: moto's, with states, members, endpoints and work for the controller."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

import moto.rds.models as base
from moto.core.utils import utcnow

from localaws.rds import versions
from localaws.rds.agenda import Agenda
from localaws.rds.clusters.work import STATUS, Item
from localaws.rds.models import RESTORABLE_LAG
from localaws.rds.work import JSON

if TYPE_CHECKING:
    from localaws.rds.clusters.members import ClusterMember

ENGINE = "aurora-postgresql"
HOSTED_ZONE = "Z2R2ITUGPM61AM"
WRITER, READER = "writer", "reader"
"""Keys of `DBCluster.addresses`; a custom endpoint's is its resource identifier."""


class DBCluster(Agenda, base.DBCluster):
    """A cluster; what it says of itself is what the controller has settled."""

    STATUSES = STATUS
    PENDING_NAMES = {
        "db_cluster_identifier": "DBClusterIdentifier",
        "master_user_password": "MasterUserPassword",
        "port": "Port",
    }
    event_source_type = "db-cluster"

    def __init__(self, backend: Any, **given: Any) -> None:
        managed = given.pop("manage_master_user_password", False)
        key = given.pop("master_user_secret_kms_key_id", None)
        super().__init__(backend, **given)
        self.kms_key_id = given.get("kms_key_id")
        self.allocated_storage = 1
        self.hosted_zone_id = HOSTED_ZONE
        self.option_group_name = f"default:{self.engine}-{self.engine_version.split('.')[0]}"
        self.work: list[Item] = []
        self.deferred: dict[str, JSON] = {}
        self.resting_status = "available"
        self.status_reason: str | None = None
        self.writer_id: str | None = None
        self.addresses: dict[str, str] = {}
        self.backed_up: datetime | None = None
        self.down_since: datetime | None = None
        self.parameters_in_force: dict[str, str] = {}
        if managed:
            self.manage_password(key)
        self.refresh_status()

    @property
    def status(self) -> str:
        """Status of the response."""
        return self._status

    @status.setter
    def status(self, value: str) -> None:
        self._status = value

    # -- members

    @property
    def _members(self) -> list[ClusterMember]:
        return [
            each
            for each in self.backend.databases.values()
            if getattr(each, "cluster_id", None) == self.db_cluster_resource_id
        ]

    @property
    def members(self) -> list[ClusterMember]:
        """The instances of the cluster."""
        return self._members

    @property
    def writer(self) -> ClusterMember | None:
        """The instance that takes writes."""
        return next((each for each in self._members if each.dbi_resource_id == self.writer_id), None)

    @property
    def db_cluster_members(self) -> list[dict[str, Any]]:
        """DBClusterMembers of the response."""
        return [
            {
                "DBInstanceIdentifier": each.db_instance_identifier,
                "IsClusterWriter": each.is_cluster_writer,
                "DBClusterParameterGroupStatus": each.cluster_group_status,
                "PromotionTier": each.promotion_tier,
            }
            for each in self._members
        ]

    @property
    def multi_az(self) -> bool:
        """Whether the members stand in more than one Availability Zone."""
        return len({each.availability_zone for each in self._members}) > 1

    # -- parameters

    @property
    def group(self) -> Any:
        """The cluster parameter group that is attached."""
        return self.backend.find_cluster_parameter_group(self.parameter_group)

    @property
    def family(self) -> str:
        """DBParameterGroupFamily of the engine version."""
        return versions.family(self.engine, self.engine_version)

    # -- endpoints

    @property
    def owner_tag(self) -> str:
        """The part of the host names that stands for the account and Region."""
        return "c" + hashlib.sha256(f"{self.account_id}{self.region}".encode()).hexdigest()[:11]

    def dns_name(self, key: str, identifier: str | None = None) -> str:
        """The host name that an endpoint would have on AWS; the certificate names it as well."""
        kind = {WRITER: "cluster-", READER: "cluster-ro-"}.get(key, "cluster-custom-")
        name = identifier or self.db_cluster_identifier
        return f"{name}.{kind}{self.owner_tag}.{self.region}.rds.amazonaws.com"

    @property
    def endpoint(self) -> str:
        """Address of the writer endpoint; the host name while there is none."""
        return self.addresses.get(WRITER) or self.dns_name(WRITER)

    @property
    def reader_endpoint(self) -> str:
        """Address of the reader endpoint; the host name while there is none."""
        return self.addresses.get(READER) or self.dns_name(READER)

    @property
    def custom_endpoints(self) -> list[str]:
        """Addresses of the custom endpoints."""
        return [each.endpoint for each in self.backend.endpoints_of(self)]

    # -- the response

    @property
    def vpc_id(self) -> str:
        """The VPC of the subnet group."""
        return str(self.backend.describe_db_subnet_groups(self.db_subnet_group_name)[0].vpc_id)

    @property
    def latest_restorable_time(self) -> datetime | None:
        """A few seconds ago, or when the cluster was stopped; none before the first backup."""
        if self.backed_up is None:
            return None
        latest = (self.down_since or utcnow() - RESTORABLE_LAG).replace(microsecond=0)
        return max(self.backed_up, latest)

    @property
    def db_cluster_option_group_memberships(self) -> list[dict[str, str]]:
        """DBClusterOptionGroupMemberships of the response."""
        return [{"DBClusterOptionGroupName": self.option_group_name, "Status": "in-sync"}]

    activity_stream_status = "stopped"
    # AWS leaves it out of every cluster that is not of Aurora Serverless v1
    scaling_configuration_info = None
    performance_insights_enabled = False
    engine_lifecycle_support = "open-source-rds-extended-support"
    local_write_forwarding_status = "disabled"
