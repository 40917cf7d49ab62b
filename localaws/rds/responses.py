"""RDS's operations: requests parsed by moto, answers in AWS's shape and in pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.rds.exceptions import DBInstanceNotFoundError
from moto.rds.models import rds_backends
from moto.rds.responses import RDSResponse as MotoResponse

from localaws.rds import (
    backups,
    classes,
    events,
    faults,
    groups,
    logs,
    parameters,
    snapshots,
    validation,
    versions,
)
from localaws.rds.instances import INSTANCE_QUOTA
from localaws.rds.pages import filter_values, filters, page
from localaws.rds.placement import Placement

AUTHORITY_VALID = (datetime(2021, 5, 21, 22, 34, 57), datetime(2061, 5, 21, 23, 34, 57))


class RDSResponse(MotoResponse):
    """The operations that are not moto's own, or answer more than moto's."""

    @property
    def backend(self) -> Any:
        """Backend of the caller's account and Region."""
        return rds_backends[self.current_account][self.region]

    def create_db_proxy(self) -> ActionResult:
        """CreateDBProxy."""
        if not self.params.get("Auth"):
            raise faults.blank("Auth")
        return super().create_db_proxy()

    def create_db_instance_read_replica(self) -> ActionResult:
        """CreateDBInstanceReadReplica."""
        return ActionResult({"DBInstance": self.backend.create_db_instance_read_replica(self.params)})

    def describe_db_instances(self) -> ActionResult:
        """DescribeDBInstances."""
        wanted = filter_values(self.params)
        found = self.backend.describe_db_instances(self.params.get("DBInstanceIdentifier"), filters=wanted)
        return ActionResult(page("DBInstances", found, self.params))

    def modify_db_instance(self) -> ActionResult:
        """ModifyDBInstance."""
        instance = self.backend.modify_db_instance(self.params.get("DBInstanceIdentifier"), self.params)
        return ActionResult({"DBInstance": instance})

    def reboot_db_instance(self) -> ActionResult:
        """RebootDBInstance."""
        instance = self.backend.reboot_db_instance(
            self.params.get("DBInstanceIdentifier"), bool(self.params.get("ForceFailover"))
        )
        return ActionResult({"DBInstance": instance})

    def delete_db_instance(self) -> ActionResult:
        """DeleteDBInstance."""
        final = self.params.get("FinalDBSnapshotIdentifier")
        if final is not None:
            validation.snapshot_identifier(final, "FinalDBSnapshotIdentifier")
        instance = self.backend.delete_db_instance(
            self.params.get("DBInstanceIdentifier"),
            final,
            self.params.get("SkipFinalSnapshot"),
            self.params.get("DeleteAutomatedBackups"),
        )
        return ActionResult({"DBInstance": instance})

    def promote_read_replica(self) -> ActionResult:
        """PromoteReadReplica."""
        return ActionResult({"DBInstance": self.backend.promote_read_replica(self.params)})

    def describe_db_instance_automated_backups(self) -> ActionResult:
        """DescribeDBInstanceAutomatedBackups."""
        return ActionResult(page("DBInstanceAutomatedBackups", self._automated_backups(), self.params))

    def _automated_backups(self) -> list[dict[str, Any]]:
        name, resource_id, arn = (
            self.params.get(key)
            for key in ("DBInstanceIdentifier", "DbiResourceId", "DBInstanceAutomatedBackupsArn")
        )
        if resource_id or arn:
            found = [backups.find(self.backend, resource_id, arn)]
        else:
            found = backups.described(self.backend)
        if name:
            found = [each for each in found if each.db_instance_identifier == name.lower()]
            if not found and name.lower() not in self.backend.databases:
                raise DBInstanceNotFoundError(name)
        known = {
            "status": lambda each, values: each["Status"] in values,
            "db-instance-id": lambda each, values: (
                not {
                    each["DBInstanceIdentifier"],
                    each["DBInstanceArn"],
                }.isdisjoint(values)
            ),
            "dbi-resource-id": lambda each, values: each["DbiResourceId"] in values,
        }
        return filters(self.params, known, [backups.tell(each) for each in found])

    def delete_db_instance_automated_backup(self) -> ActionResult:
        """DeleteDBInstanceAutomatedBackup."""
        resource_id = self.params.get("DbiResourceId")
        arn = self.params.get("DBInstanceAutomatedBackupsArn")
        if (resource_id is None) == (arn is None):
            raise faults.combination(
                "Specify exactly one of DbiResourceId and DBInstanceAutomatedBackupsArn."
            )
        deleted = backups.delete(self.backend, resource_id, arn)
        return ActionResult({"DBInstanceAutomatedBackup": deleted})

    def describe_db_snapshot_attributes(self) -> ActionResult:
        """DescribeDBSnapshotAttributes."""
        return _attributes(self.backend.get_db_snapshot(self.params["DBSnapshotIdentifier"]))

    def modify_db_snapshot_attribute(self) -> ActionResult:
        """ModifyDBSnapshotAttribute."""
        return _attributes(
            snapshots.share(
                self.backend,
                self.params["DBSnapshotIdentifier"],
                self.params["AttributeName"],
                list(self.params.get("ValuesToAdd") or []),
                list(self.params.get("ValuesToRemove") or []),
            )
        )

    def describe_db_snapshots(self) -> ActionResult:
        """DescribeDBSnapshots."""
        name = self.params.get("DBSnapshotIdentifier")
        found = self.backend.describe_db_snapshots(
            self.params.get("DBInstanceIdentifier"),
            name.partition(":snapshot:")[2] if name and name.startswith("arn:") else name,
            self.params.get("SnapshotType"),
            filter_values(self.params),
        )
        return ActionResult(page("DBSnapshots", found, self.params))

    def create_db_subnet_group(self) -> ActionResult:
        """CreateDBSubnetGroup."""
        group = self.backend.create_subnet_group(
            self.params.get("DBSubnetGroupName"),
            self.params.get("DBSubnetGroupDescription"),
            self._placement().checked_subnets(list(self.params.get("SubnetIds") or [])),
            self.params.get("Tags"),
        )
        return ActionResult({"DBSubnetGroup": group})

    def modify_db_subnet_group(self) -> ActionResult:
        """ModifyDBSubnetGroup."""
        group = self.backend.modify_db_subnet_group(
            self.params.get("DBSubnetGroupName"),
            self.params.get("DBSubnetGroupDescription"),
            self._placement().checked_subnets(list(self.params.get("SubnetIds") or [])),
        )
        return ActionResult({"DBSubnetGroup": group})

    def delete_db_subnet_group(self) -> ActionResult:
        """DeleteDBSubnetGroup."""
        self.backend.delete_subnet_group(self.params.get("DBSubnetGroupName"))
        return EmptyResult()

    def describe_db_subnet_groups(self) -> ActionResult:
        """DescribeDBSubnetGroups."""
        found = self.backend.describe_db_subnet_groups(self.params.get("DBSubnetGroupName"))
        return ActionResult(page("DBSubnetGroups", found, self.params))

    # -- parameter groups

    def describe_db_parameter_groups(self) -> ActionResult:
        """DescribeDBParameterGroups."""
        found = self.backend.describe_db_parameter_groups(self.params)
        return ActionResult(page("DBParameterGroups", found, self.params))

    def delete_db_parameter_group(self) -> ActionResult:
        """DeleteDBParameterGroup."""
        self.backend.delete_db_parameter_group(self.params["DBParameterGroupName"])
        return EmptyResult()

    def reset_db_parameter_group(self) -> ActionResult:
        """ResetDBParameterGroup."""
        group = groups.reset(
            self.backend,
            self.params["DBParameterGroupName"],
            everything=bool(self.params.get("ResetAllParameters")),
            changes=[each.original_dict() for each in self.params.get("Parameters") or []],
        )
        return ActionResult({"DBParameterGroupName": group.name})

    def describe_db_parameters(self) -> ActionResult:
        """DescribeDBParameters."""
        group = self.backend.describe_db_parameter_groups(self.params)[0]
        found = groups.describe(group, self.params.get("Source"))
        found = filters(
            self.params, {"parameter-name": lambda each, names: each["ParameterName"] in names}, found
        )
        return ActionResult(page("Parameters", found, self.params))

    def describe_engine_default_parameters(self) -> ActionResult:
        """DescribeEngineDefaultParameters."""
        family = self.params["DBParameterGroupFamily"]
        known = parameters.family_parameters(family)
        if known is None and family not in versions.families():
            raise faults.invalid(f"ParameterGroupFamily {family} is not a valid parameter group family")
        found = [each.describe() for each in (known or {}).values()]
        answer = page("Parameters", found, self.params)
        return ActionResult({"EngineDefaults": {"DBParameterGroupFamily": family, **answer}})

    # -- what can be ordered

    def describe_db_engine_versions(self) -> ActionResult:
        """DescribeDBEngineVersions."""
        engine, version, family = (
            self.params.get(key) for key in ("Engine", "EngineVersion", "DBParameterGroupFamily")
        )
        found = [
            each
            for each in versions.offered(engine)
            if version in (None, each.version, each.major) and family in (None, each.family)
        ]
        if self.params.get("DefaultOnly"):
            found = [each for each in found if each == versions.default(each.engine)] or found[-1:]
        described = filters(
            self.params,
            {
                "db-parameter-group-family": lambda each, names: each["DBParameterGroupFamily"] in names,
                "engine": lambda each, names: each["Engine"] in names,
                "engine-mode": lambda each, names: bool({*each["SupportedEngineModes"]} & {*names}),
                "engine-version": lambda each, names: each["EngineVersion"] in names,
                "status": lambda each, names: each["Status"] in names,
            },
            [versions.describe(each) for each in found],
        )
        return ActionResult(page("DBEngineVersions", described, self.params))

    def describe_orderable_db_instance_options(self) -> ActionResult:
        """DescribeOrderableDBInstanceOptions."""
        engine = self.params["Engine"]
        if engine not in versions.LICENCES:
            return super().describe_orderable_db_instance_options()
        version, wanted = self.params.get("EngineVersion"), self.params.get("DBInstanceClass")
        zones = self._placement().zones()
        found = [
            option
            for each in versions.offered(engine)
            if version in (None, each.version, each.major)
            for option in classes.orderable(engine, each.version, versions.LICENCES[engine], zones)
            if wanted in (None, option["DBInstanceClass"])
            and self.params.get("LicenseModel") in (None, option["LicenseModel"])
        ]
        return ActionResult(page("OrderableDBInstanceOptions", found, self.params, most=1000))

    def describe_valid_db_instance_modifications(self) -> ActionResult:
        """DescribeValidDBInstanceModifications."""
        self.backend.describe_db_instances(self.params["DBInstanceIdentifier"])
        storage = [
            {"StorageType": name, "StorageSize": [{"From": rule.sizes[0], "To": rule.sizes[-1], "Step": 1}]}
            for name, rule in classes.STORAGE.items()
        ]
        return ActionResult({"ValidDBInstanceModificationsMessage": {"Storage": storage}})

    # -- what happened

    def describe_events(self) -> ActionResult:
        """DescribeEvents."""
        return ActionResult(
            page("Events", events.search(self.backend.events, dict(self.params)), self.params)
        )

    def describe_event_categories(self) -> ActionResult:
        """DescribeEventCategories."""
        kind = self.params.get("SourceType")
        listed = [
            {"SourceType": source, "EventCategories": names}
            for source, names in events.CATEGORIES.items()
            if kind in (None, source)
        ]
        return ActionResult({"EventCategoriesMapList": listed})

    def describe_db_log_files(self) -> ActionResult:
        """DescribeDBLogFiles."""
        instance = self.backend.describe_db_instances(self.params["DBInstanceIdentifier"])[0]
        return ActionResult(page("DescribeDBLogFiles", logs.files(instance, dict(self.params)), self.params))

    def download_db_log_file_portion(self) -> ActionResult:
        """DownloadDBLogFilePortion."""
        instance = self.backend.describe_db_instances(self.params["DBInstanceIdentifier"])[0]
        return ActionResult(logs.portion(instance, dict(self.params)))

    def describe_pending_maintenance_actions(self) -> ActionResult:
        """DescribePendingMaintenanceActions: nothing is ever due."""
        return ActionResult(page("PendingMaintenanceActions", [], self.params))

    # -- the account

    def describe_certificates(self) -> ActionResult:
        """DescribeCertificates."""
        name = self.params.get("CertificateIdentifier")
        if name and name not in versions.CERTIFICATES:
            raise faults.certificate_not_found(name)
        listed = [
            {
                "CertificateIdentifier": each,
                "CertificateType": "CA",
                "ValidFrom": AUTHORITY_VALID[0],
                "ValidTill": AUTHORITY_VALID[1],
                "CertificateArn": f"arn:{self.partition}:rds:{self.region}::cert:{each}",
                "CustomerOverride": False,
            }
            for each in versions.CERTIFICATES
            if name in (None, each)
        ]
        return ActionResult(
            {
                **page("Certificates", listed, self.params),
                "DefaultCertificateForNewLaunches": versions.CERTIFICATES[0],
            }
        )

    def describe_account_attributes(self) -> ActionResult:
        """DescribeAccountAttributes."""
        backend = self.backend
        manual = [each for each in backend.database_snapshots.values() if each.snapshot_type == "manual"]
        used = {
            "DBInstances": (len(backend.databases), INSTANCE_QUOTA),
            "AllocatedStorage": (sum(each.allocated_storage for each in backend.databases.values()), 100000),
            "ManualSnapshots": (len(manual), backend.SNAPSHOT_QUOTA),
            "DBParameterGroups": (len(backend.db_parameter_groups), 50),
            "DBSubnetGroups": (len(backend.subnet_groups), 50),
            "OptionGroups": (len(backend.option_groups), 20),
            "EventSubscriptions": (len(backend.event_subscriptions), 20),
            "DBClusters": (len(backend.clusters), 40),
        }
        quotas = [{"AccountQuotaName": name, "Used": now, "Max": most} for name, (now, most) in used.items()]
        return ActionResult({"AccountQuotas": quotas})

    def _placement(self) -> Placement:
        return Placement(self.current_account, self.region)


def _attributes(snapshot: Any) -> ActionResult:
    listed = [
        {"AttributeName": name, "AttributeValues": list(values)}
        for name, values in snapshot.attributes.items()
    ]
    answer = {"DBSnapshotIdentifier": snapshot.db_snapshot_identifier, "DBSnapshotAttributes": listed}
    return ActionResult({"DBSnapshotAttributesResult": answer})
