"""What stands around DB instances: snapshots, subnet groups and parameter groups."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import moto.rds.models as base
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random

from localaws.rds.placement import Placement
from localaws.rds.work import Copy


class DBSubnetGroup(base.DBSubnetGroup):
    """A subnet group that remembers subnets by their identifiers: EC2 keeps the subnets."""

    @property
    def _subnets(self) -> list[Any]:
        return Placement(self.account_id, self.region).subnets(self.subnet_ids)

    @_subnets.setter
    def _subnets(self, value: list[Any]) -> None:
        self.subnet_ids = [subnet.id for subnet in value]

    @property
    def zones(self) -> list[str]:
        """Availability Zones that the group covers."""
        return sorted({subnet.availability_zone for subnet in self._subnets})

    @property
    def supported_network_types(self) -> list[str]:
        """Network types, for the response."""
        return ["IPV4"]


class DBSnapshot(base.DBSnapshot):
    """A snapshot whose data lie in the folder `snapshot-<data id>` of the engines."""

    def __init__(self, backend: Any, database: Any, *given: Any, **named: Any) -> None:
        super().__init__(backend, database, *given, **named)
        self.database.work = []
        self.database.deferred = {}
        self.database.__dict__.pop("master_user_secret", None)
        self.database.manage_master_user_password = False
        self.data_id = mock_random.get_random_hex(16)
        self.work: list[Copy] = []
        self.status = "creating"
        self.percent_progress = 0
        self.source_db_snapshot_identifier: str | None = None
        self.source_region: str | None = None
        self.finished: datetime | None = None
        for name in (
            "availability_zone",
            "license_model",
            "option_group_name",
            "storage_type",
            "storage_throughput",
        ):
            setattr(self, name, getattr(database, name))
        self.iops = database.iops
        self.vpc_id = database.vpc_id
        self.snapshot_target = "region"

    def shared_with(self, account_id: str) -> bool:
        """Whether another account may restore and copy it."""
        return not {account_id, "all"}.isdisjoint(self.attributes["restore"])

    def complete(self) -> None:
        """The data are there."""
        self.status, self.percent_progress, self.work = "available", 100, []
        self.finished = utcnow()


class DBParameterGroup(base.DBParameterGroup):
    """A parameter group; its values are kept under the names that the server knows."""

    def values(self) -> dict[str, str]:
        """Name and value of each parameter that was set."""
        return {
            name: str(own["ParameterValue"])
            for name, own in self.parameters.items()
            if "ParameterValue" in own
        }
