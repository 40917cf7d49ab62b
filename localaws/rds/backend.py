"""The RDS backend: moto's, with AWS's rules; it changes only the model, the controller does the rest."""

from __future__ import annotations

import os
from typing import Any

import moto.rds.models as base
import moto.rds.urls
from moto.rds.exceptions import (
    DBClusterNotFoundError,
    DBInstanceNotFoundError,
    DBParameterGroupAlreadyExistsError,
    DBParameterGroupNotFoundError,
    DBSnapshotNotFoundFault,
    DBSubnetGroupNotFoundError,
    OptionGroupNotFoundFaultError,
    RDSClientError,
)
from moto.rds.utils import FilterDef, merge_filters, split_arn

from localaws.rds import (
    backups,
    deletion,
    faults,
    groups,
    instances,
    modify,
    options,
    recovery,
    replicas,
    snapshots,
    validation,
    versions,
)
from localaws.rds.events import Event
from localaws.rds.models import DBInstance
from localaws.rds.records import Records
from localaws.rds.resources import DBParameterGroup, DBSnapshot, DBSubnetGroup
from localaws.rds.subnets import create_group, default_group, delete_group, modify_group

_NOT_FOUND = {
    "db": DBInstanceNotFoundError,
    "cluster": DBClusterNotFoundError,
    "snapshot": DBSnapshotNotFoundFault,
    "pg": DBParameterGroupNotFoundError,
    "subgrp": DBSubnetGroupNotFoundError,
    "og": OptionGroupNotFoundFaultError,
}


class RDSBackend(Records):
    """RDS in one account and Region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.discarded: list[str] = []
        self.retained: dict[str, DBInstance] = {}
        self.dropped_archives: list[str] = []

    @property
    def SNAPSHOT_QUOTA(self) -> int:
        """Manual snapshots per Region; AWS's default is 100."""
        return int(os.environ.get("MOTO_RDS_SNAPSHOT_LIMIT", "100"))

    @property
    def _url_module(self) -> Any:
        return moto.rds.urls

    # -- DB instances

    def create_db_instance(self, db_kwargs: Any) -> DBInstance:
        """Create an instance; a member of a cluster as well, once Aurora has a server."""
        return instances.create(self, dict(db_kwargs))

    def describe_db_instances(
        self, db_instance_identifier: str | None = None, filters: Any = None
    ) -> list[DBInstance]:
        """Instances by identifier, ARN or filters."""
        if db_instance_identifier:
            filters = merge_filters(filters, {"db-instance-id": [db_instance_identifier]})
        found = self._filter_resources(self.databases, filters, _Searched) if filters else self.databases
        if db_instance_identifier and not found:
            raise DBInstanceNotFoundError(db_instance_identifier)
        return list(found.values())

    def modify_db_instance(self, db_instance_identifier: str, db_kwargs: Any) -> DBInstance:
        """Modify an instance, at once or in its maintenance window."""
        return modify.modify(self, db_instance_identifier, dict(db_kwargs))

    def begin_deferred(self, instance: DBInstance) -> None:
        """Make work of what waited for the maintenance window."""
        changes, instance.deferred = instance.deferred, {}
        modify.begin(instance, changes)

    def reboot_db_instance(self, db_instance_identifier: str, force_failover: bool = False) -> DBInstance:
        """Restart an instance."""
        return instances.reboot(self, db_instance_identifier, failover=force_failover)

    def stop_db_instance(
        self, db_instance_identifier: str, db_snapshot_identifier: str | None = None
    ) -> DBInstance:
        """Stop an instance."""
        return instances.stop(self, db_instance_identifier, db_snapshot_identifier)

    def start_db_instance(self, db_instance_identifier: str) -> DBInstance:
        """Start an instance."""
        return instances.start(self, db_instance_identifier)

    def delete_db_instance(
        self,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,
    ) -> DBInstance:
        """Delete an instance."""
        return deletion.delete(
            self,
            db_instance_identifier,
            skip_final=bool(skip_final_snapshot),
            final_id=final_db_snapshot_identifier,
            drop_backups=delete_automated_backups is not False,
        )

    def create_db_instance_read_replica(self, db_kwargs: Any) -> DBInstance:
        """Make a read replica."""
        return replicas.create(self, dict(db_kwargs))

    def promote_read_replica(self, db_kwargs: Any) -> DBInstance:
        """Make a read replica a standalone instance."""
        return replicas.promote(
            self,
            db_kwargs.get("db_instance_identifier"),
            db_kwargs.get("backup_retention_period"),
            db_kwargs.get("preferred_backup_window"),
        )

    def restore_db_instance_to_point_in_time(
        self, source_db_identifier: str, target_db_identifier: str, overrides: Any
    ) -> DBInstance:
        """Make a new instance with the data that another one had at a moment."""
        del source_db_identifier, target_db_identifier
        return recovery.recover(self, dict(overrides))

    def create_blue_green_deployment(self, _: Any) -> Any:
        """Refused: there is no green environment to run."""
        raise faults.unoffered("CreateBlueGreenDeployment", "Modify the instance, or restore a snapshot.")

    # -- snapshots

    def new_snapshot(self, instance: DBInstance, snapshot_id: str, kind: str) -> DBSnapshot:
        """A snapshot in state creating, for work that the caller queues."""
        return snapshots.new(self, instance, snapshot_id, kind)

    def create_db_snapshot(
        self,
        db_instance_identifier: str,
        db_snapshot_identifier: str,
        snapshot_type: str = "manual",
        tags: Any = None,
        **_: Any,
    ) -> DBSnapshot:
        """Take a manual snapshot."""
        del snapshot_type
        return snapshots.take(self, db_instance_identifier, db_snapshot_identifier, tags)

    def copy_db_snapshot(
        self, source_db_snapshot_identifier: str, target_db_snapshot_identifier: str, **request: Any
    ) -> DBSnapshot:
        """Copy a snapshot."""
        return snapshots.copy(self, source_db_snapshot_identifier, target_db_snapshot_identifier, request)

    def delete_db_snapshot(self, db_snapshot_identifier: str) -> DBSnapshot:
        """Delete a manual snapshot."""
        return snapshots.delete(self, db_snapshot_identifier)

    def restore_db_instance_from_db_snapshot(self, from_snapshot_id: str, overrides: Any) -> DBInstance:
        """Make a new instance with the data of a snapshot."""
        return snapshots.restore(self, from_snapshot_id, dict(overrides))

    def discard(self, data_id: str) -> None:
        """Leave a snapshot's folder for the controller to remove."""
        if data_id not in self.discarded:
            self.discarded.append(data_id)

    def discards(self) -> list[str]:
        """Data ids of snapshots whose folders the controller has to remove now."""
        return backups.discards(self)

    def archive_discards(self) -> list[str]:
        """Resources whose archived WAL the controller has to remove now."""
        return backups.archive_discards(self)

    # -- parameter and option groups

    def find_parameter_group(self, name: str) -> DBParameterGroup | None:
        """A parameter group by name; a default one is made at its first use."""
        if name.startswith("default.") and name.removeprefix("default.") in versions.families():
            return self.default_parameter_group(name.removeprefix("default."), name)
        found: DBParameterGroup | None = self.db_parameter_groups.get(name)
        return found

    def default_parameter_group(self, family: str, name: str) -> DBParameterGroup:
        """The default parameter group of a family."""
        if name not in self.db_parameter_groups:
            description = f"Default parameter group for {family}"
            self.db_parameter_groups[name] = DBParameterGroup(self, name, description, family)
        return self.db_parameter_groups[name]

    def create_db_parameter_group(self, db_parameter_group_kwargs: Any) -> DBParameterGroup:
        """Create a parameter group."""
        return groups.create(self, dict(db_parameter_group_kwargs))

    def modify_db_parameter_group(
        self, db_parameter_group_name: str, db_parameter_group_parameters: Any
    ) -> Any:
        """Set parameters."""
        return groups.modify(self, db_parameter_group_name, list(db_parameter_group_parameters))

    def delete_db_parameter_group(self, db_parameter_group_name: str) -> Any:
        """Delete a parameter group."""
        return groups.delete(self, db_parameter_group_name)

    def copy_db_parameter_group(
        self,
        source_db_parameter_group_identifier: str,
        target_db_parameter_group_identifier: str,
        target_db_parameter_group_description: str,
        tags: Any = None,
    ) -> DBParameterGroup:
        """Copy a parameter group with its values."""
        source = self.find_parameter_group(source_db_parameter_group_identifier.rpartition(":")[2])
        if source is None:
            raise DBParameterGroupNotFoundError(source_db_parameter_group_identifier)
        if target_db_parameter_group_identifier in self.db_parameter_groups:
            raise DBParameterGroupAlreadyExistsError(target_db_parameter_group_identifier)
        target = groups.create(
            self,
            {
                "db_parameter_group_name": target_db_parameter_group_identifier,
                "db_parameter_group_family": source.family,
                "description": target_db_parameter_group_description,
                "tags": tags,
            },
        )
        target.parameters.update({name: dict(value) for name, value in source.parameters.items()})
        return target

    def describe_db_parameter_groups(self, db_parameter_group_kwargs: Any) -> list[DBParameterGroup]:
        """All parameter groups, or the named one."""
        name = db_parameter_group_kwargs.get("db_parameter_group_name")
        if not name:
            return list(self.db_parameter_groups.values())
        found = self.find_parameter_group(name)
        if found is None:
            raise RDSClientError("DBParameterGroupNotFoundFault", f"DBParameterGroup not found: {name}")
        return [found]

    def create_option_group(self, option_group_kwargs: Any) -> Any:
        """Create an option group."""
        request = dict(option_group_kwargs)
        if request.get("engine_name") == "postgres":
            return options.create(self, request)
        return super().create_option_group(option_group_kwargs)

    def modify_option_group(
        self, option_group_name: str, options_to_include: Any = None, options_to_remove: Any = None
    ) -> Any:
        """Change an option group's options."""
        group = self.option_groups.get(option_group_name)
        if group is not None:
            options.check_options(group, options_to_include)
        return super().modify_option_group(option_group_name, options_to_include, options_to_remove)

    def delete_option_group(self, option_group_name: str) -> Any:
        """Delete an option group that nothing uses."""
        options.check_deletion(self, option_group_name)
        return super().delete_option_group(option_group_name)

    def describe_option_groups(self, option_group_kwargs: Any) -> list[Any]:
        """All option groups, or those asked for."""
        return options.search(self, dict(option_group_kwargs))

    # -- subnet groups

    def default_subnet_group(self) -> DBSubnetGroup:
        """The subnet group `default`, of the default VPC's subnets, made at its first use."""
        return default_group(self)

    def create_subnet_group(
        self, subnet_name: str, description: str, subnets: Any, tags: Any
    ) -> DBSubnetGroup:
        """Create a subnet group from subnets that were checked."""
        return create_group(self, subnet_name, description, subnets, tags)

    def modify_db_subnet_group(
        self, subnet_name: str, description: str | None, subnets: Any
    ) -> DBSubnetGroup:
        """Give a subnet group other subnets."""
        return modify_group(self, subnet_name, description, subnets)

    def delete_subnet_group(self, subnet_name: str) -> Any:
        """Delete a subnet group that no instance uses."""
        return delete_group(self, subnet_name)

    # -- events and tags

    def add_event(self, event_type: str, resource: Any) -> None:
        """Record one of moto's events in our shape."""
        known = base.Event.EVENT_MAP[event_type]
        self.events.append(Event.note(resource, known["Message"], known["Categories"]))

    def _get_resource_for_tagging(self, arn: str) -> Any:
        resource = super()._get_resource_for_tagging(arn)
        if resource is None:
            _, _, kind, name = split_arn(arn)
            raise _NOT_FOUND.get(kind, DBInstanceNotFoundError)(name)
        return resource

    def add_tags_to_resource(self, arn: str, tags: Any) -> Any:
        """Add or replace tags."""
        return super().add_tags_to_resource(arn, validation.tags(tags))


class _Searched:
    """What DescribeDBInstances can be filtered by."""

    SUPPORTED_FILTERS = base.DBInstance.SUPPORTED_FILTERS | {"domain": FilterDef(["directory"], "Domains")}
