"""Custom endpoints of a cluster and the members they lead to ("Custom endpoints for Amazon Aurora")."""

from __future__ import annotations

import string
from typing import Any

from moto.moto_api._internal import mock_random
from moto.rds.exceptions import DBInstanceNotFoundError, RDSClientError
from moto.rds.models import RDSBaseModel

from localaws.rds import faults, validation
from localaws.rds.clusters import faults as cluster_faults
from localaws.rds.clusters import lifecycle
from localaws.rds.clusters.models import READER, WRITER, DBCluster

QUOTA = 5
KINDS = ("READER", "ANY")
_ALPHABET = string.ascii_uppercase + string.digits


class DBClusterEndpoint(RDSBaseModel):
    """A custom endpoint; its members are remembered by DbiResourceId, as they may be renamed."""

    resource_type = "cluster-endpoint"
    endpoint_type = "CUSTOM"

    def __init__(self, cluster: DBCluster, identifier: str, kind: str, tags: Any) -> None:
        super().__init__(cluster.backend)
        self.cluster = cluster
        self.db_cluster_endpoint_identifier = identifier
        self.custom_endpoint_type = kind
        letters = "".join(mock_random.choice(_ALPHABET) for _ in range(26))
        self.db_cluster_endpoint_resource_identifier = f"cluster-endpoint-{letters}"
        self.static: list[str] = []
        self.excluded: list[str] = []
        self.status = "creating"
        self.tags = tags

    @property
    def resource_id(self) -> str:
        """The part of the ARN that names it."""
        return self.db_cluster_endpoint_identifier

    @property
    def db_cluster_endpoint_arn(self) -> str:
        """DBClusterEndpointArn of the response."""
        return self.arn

    @property
    def db_cluster_identifier(self) -> str:
        """The cluster that it belongs to."""
        return self.cluster.db_cluster_identifier

    @property
    def key(self) -> str:
        """Its key in the cluster's addresses."""
        return self.db_cluster_endpoint_resource_identifier

    @property
    def endpoint(self) -> str:
        """Its address; the host name while there is none."""
        return self.cluster.addresses.get(self.key) or self.cluster.dns_name(
            self.key, self.db_cluster_endpoint_identifier
        )

    @property
    def static_members(self) -> list[str]:
        """StaticMembers of the response."""
        return self._names(self.static)

    @property
    def excluded_members(self) -> list[str]:
        """ExcludedMembers of the response."""
        return self._names(self.excluded)

    def _names(self, ids: list[str]) -> list[str]:
        return [each.db_instance_identifier for each in self.cluster.members if each.dbi_resource_id in ids]

    def leads_to(self, member: Any) -> bool:
        """Whether it leads to a member that is in service."""
        if self.custom_endpoint_type == "READER" and member.is_cluster_writer:
            return False
        if self.static:
            return member.dbi_resource_id in self.static
        return member.dbi_resource_id not in self.excluded


def create(backend: Any, request: dict[str, Any]) -> DBClusterEndpoint:
    """A custom endpoint."""
    cluster = lifecycle.usable(backend, request.get("db_cluster_identifier"))
    name = validation.identifier(request.get("db_cluster_endpoint_identifier"), "DBClusterEndpointIdentifier")
    if name in backend.cluster_endpoints:
        raise RDSClientError(
            "DBClusterEndpointAlreadyExistsFault", f"DBClusterEndpoint {name} already exists."
        )
    if len(backend.endpoints_of(cluster)) >= QUOTA:
        raise RDSClientError(
            "DBClusterEndpointQuotaExceededFault",
            f"Cannot create more than {QUOTA} custom endpoints in a cluster. Delete one first.",
        )
    made = DBClusterEndpoint(
        cluster, name, _kind(request.get("endpoint_type")), validation.tags(request.get("tags"))
    )
    made.static, made.excluded = _members(cluster, request)
    backend.cluster_endpoints[name] = made
    return made


def modify(backend: Any, request: dict[str, Any]) -> DBClusterEndpoint:
    """Give a custom endpoint another type or other members."""
    found = named(backend, request.get("db_cluster_endpoint_identifier"))
    if found.status != "available":
        raise RDSClientError(
            "InvalidDBClusterEndpointStateFault",
            f"DBClusterEndpoint {found.db_cluster_endpoint_identifier} is in {found.status} state. "
            "Wait until it is available, then try again.",
        )
    if request.get("endpoint_type"):
        found.custom_endpoint_type = _kind(request["endpoint_type"])
    if request.get("static_members") is not None or request.get("excluded_members") is not None:
        found.static, found.excluded = _members(found.cluster, request)
    found.status = "modifying"
    return found


def delete(backend: Any, name: str | None) -> DBClusterEndpoint:
    """Delete a custom endpoint."""
    found = named(backend, name)
    found.status = "deleting"
    return found


def named(backend: Any, name: str | None) -> DBClusterEndpoint:
    """The custom endpoint of that name."""
    found: DBClusterEndpoint | None = backend.cluster_endpoints.get((name or "").lower())
    if found is None:
        raise cluster_faults.endpoint_not_found(name or "")
    return found


def _kind(name: str | None) -> str:
    if name not in KINDS:
        raise faults.invalid(f"Invalid endpoint type: {name}. Use {' or '.join(KINDS)}.")
    return str(name)


def _members(cluster: DBCluster, request: dict[str, Any]) -> tuple[list[str], list[str]]:
    static, excluded = list(request.get("static_members") or []), list(request.get("excluded_members") or [])
    if static and excluded:
        raise faults.combination("Static members and excluded members can't be specified at the same time.")
    known = {each.db_instance_identifier: each.dbi_resource_id for each in cluster.members}
    for name in (*static, *excluded):
        if name.lower() not in known:
            raise DBInstanceNotFoundError(name)
    return [known[name.lower()] for name in static], [known[name.lower()] for name in excluded]


def describe(backend: Any, cluster_id: str | None, endpoint_id: str | None) -> list[dict[str, Any]]:
    """Endpoints as DescribeDBClusterEndpoints answers them: of each cluster writer, reader, then custom."""
    clusters = [lifecycle.named(backend, cluster_id)] if cluster_id else list(backend.clusters.values())
    found = []
    for cluster in clusters:
        for kind, key in (("WRITER", WRITER), ("READER", READER)):
            found.append(
                {
                    "DBClusterIdentifier": cluster.db_cluster_identifier,
                    "Endpoint": cluster.endpoint if key == WRITER else cluster.reader_endpoint,
                    "Status": "available" if key in cluster.addresses else "creating",
                    "EndpointType": kind,
                }
            )
        found += [tell(each) for each in backend.endpoints_of(cluster)]
    if endpoint_id:
        found = [each for each in found if each.get("DBClusterEndpointIdentifier") == endpoint_id.lower()]
        if not found:
            raise cluster_faults.endpoint_not_found(endpoint_id)
    return found


def tell(endpoint: DBClusterEndpoint) -> dict[str, Any]:
    """A custom endpoint as the API answers it."""
    return {
        "DBClusterEndpointIdentifier": endpoint.db_cluster_endpoint_identifier,
        "DBClusterIdentifier": endpoint.db_cluster_identifier,
        "DBClusterEndpointResourceIdentifier": endpoint.key,
        "Endpoint": endpoint.endpoint,
        "Status": endpoint.status,
        "EndpointType": endpoint.endpoint_type,
        "CustomEndpointType": endpoint.custom_endpoint_type,
        "StaticMembers": endpoint.static_members,
        "ExcludedMembers": endpoint.excluded_members,
        "DBClusterEndpointArn": endpoint.db_cluster_endpoint_arn,
    }
