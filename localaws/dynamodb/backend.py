"""DynamoDB's model: tables, indexes and settings; their items are in stores that the controller keeps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.dynamodb.models import DynamoDBBackend as MotoBackend
from moto.dynamodb.urls import url_bases, url_paths

from localaws.dynamodb import backups, encryption, exports, timetolive, updates
from localaws.dynamodb.definitions import TAGS, check_tags
from localaws.dynamodb.refusals import TableRefusal, in_use, invalid, no_table, not_found
from localaws.dynamodb.tables import Table


class DynamoDBBackend(MotoBackend):
    """The tables of an account in a Region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.backups: dict[str, backups.Backup] = {}
        self.doomed: dict[str, backups.Doomed] = {}
        """Deleted backups whose files are still there."""
        self.exports: dict[str, exports.Export] = {}
        self.streams_left: dict[str, Table] = {}
        """Deleted tables, by id, whose stream can be read for a day."""
        self.delivered: dict[str, int] = {}
        """Sequence numbers up to which event source mappings have handed over changes."""

    @property
    def _url_module(self) -> Any:
        from localaws.dynamodb.responses import DynamoDBResponse

        return SimpleNamespace(
            url_bases=url_bases, url_paths=dict.fromkeys(url_paths, DynamoDBResponse.dispatch)
        )

    # -- tables

    def find(self, name: str) -> Table:
        """A table by its name or ARN."""
        table = self.tables.get(name.partition(":table/")[2] or name)
        if table is None or (name.startswith("arn:") and table.table_arn != name):
            raise no_table(name)
        return table

    def get_table(self, table_name: str) -> Table:
        """Return a table for moto's own use."""
        return self.find(table_name)

    def find_settled(self, name: str) -> Table:
        """A table with which nothing else is being done."""
        table = self.find(name)
        if table.status != "ACTIVE":
            raise in_use(table.name, table.status)
        return table

    def create_table(self, name: str, **options: Any) -> Table:
        """CreateTable, also that of CloudFormation; the controller makes the store."""
        if name in self.tables:
            raise TableRefusal("ResourceInUseException", f"Table already exists: {name}")
        options["sse_specification"] = encryption.specification_of(self, options.get("sse_specification"))
        table = Table(name, account_id=self.account_id, region=self.region_name, **options)
        self.tables[name] = table
        return table

    def delete_table(self, name: str) -> Table:
        """DeleteTable; a table with point-in-time recovery leaves a backup for 35 days."""
        table = self.find(name)
        if table.status == "DELETING":
            return table
        if table.status != "ACTIVE":
            raise in_use(table.name, table.status)
        if table.deletion_protection_enabled:
            raise invalid(
                "Resource cannot be deleted as it is currently protected against deletion. "
                "Disable deletion protection first."
            )
        table.status = "DELETING"
        if table.recovery["PointInTimeRecoveryStatus"] == "ENABLED":
            table.system_backup = backups.system_backup(self, table).arn
        table.set_stream_specification(None)
        self.resource_policies.pop(table.table_arn, None)
        return table

    def change_table(self, request: dict[str, Any]) -> Table:
        """UpdateTable."""
        table = self.find(request["TableName"])
        updates.apply(self, table, request)
        return table

    def list_tables(self, limit: int, exclusive_start_table_name: str | None) -> tuple[list[str], str | None]:
        """ListTables, in the order of names."""
        names = sorted(name for name in self.tables if name > (exclusive_start_table_name or ""))
        page = names[: limit or 100]
        return page, page[-1] if len(names) > len(page) else None

    # -- settings

    def update_time_to_live(self, table_name: str, ttl_spec: dict[str, Any]) -> None:
        """UpdateTimeToLive."""
        timetolive.change(self.find_settled(table_name), ttl_spec)

    def describe_time_to_live(self, table_name: str) -> dict[str, Any]:
        """DescribeTimeToLive."""
        return timetolive.describe(self.find(table_name))

    def describe_continuous_backups(self, table_name: str) -> dict[str, Any]:
        """DescribeContinuousBackups; the restorable times move with the clock."""
        return backups.continuous(self.find_source(table_name))

    def update_continuous_backups(
        self, table_name: str, point_in_time_spec: dict[str, Any]
    ) -> dict[str, Any]:
        """UpdateContinuousBackups."""
        table = self.find_source(table_name)
        backups.change_recovery(table, point_in_time_spec)
        return backups.continuous(table)

    def find_source(self, name: str) -> Table:
        """A table of which something is made."""
        try:
            return self.find(name)
        except TableRefusal:
            raise TableRefusal("TableNotFoundException", f"Table not found: {name}") from None

    # -- backups

    def get_backup(self, backup_arn: str) -> backups.Backup:
        """A backup by its ARN."""
        if backup_arn not in self.backups:
            raise TableRefusal("BackupNotFoundException", f"Backup not found: {backup_arn}")
        return self.backups[backup_arn]

    def create_backup(self, table_name: str, backup_name: str) -> backups.Backup:
        """CreateBackup; the controller makes the copy."""
        table = self.find_source(table_name)
        if table.status != "ACTIVE":
            raise TableRefusal(
                "TableInUseException", f"Table is being changed: {table.name}. Wait until it is ACTIVE."
            )
        return backups.user_backup(self, table, backup_name)

    def delete_backup(self, backup_arn: str) -> backups.Backup:
        """DeleteBackup."""
        backup = self.get_backup(backup_arn)
        if backup.status == "CREATING":
            raise TableRefusal("BackupInUseException", f"Backup is being created: {backup_arn}")
        backups.discard(self, backup)
        return backup

    def describe_backup(self, backup_arn: str) -> backups.Backup:
        """DescribeBackup."""
        return self.get_backup(backup_arn)

    # -- tags

    def list_tags_of_resource(self, table_arn: str) -> list[dict[str, str]]:
        """ListTagsOfResource."""
        return self._tagged(table_arn).tags

    def tag_resource(self, arn: str, tags: dict[str, str]) -> None:
        """TagResource; a tag of the same key is replaced."""
        table = self._tagged(arn)
        merged = {tag["Key"]: tag["Value"] for tag in table.tags} | tags
        made = [{"Key": key, "Value": value} for key, value in merged.items()]
        if len(made) > TAGS:
            check_tags(made)
        table.tags = made

    def untag_resource(self, arn: str, tag_keys: list[str]) -> None:
        """UntagResource."""
        table = self._tagged(arn)
        table.tags = [tag for tag in table.tags if tag["Key"] not in tag_keys]

    def _tagged(self, arn: str) -> Table:
        try:
            return self.find(arn)
        except TableRefusal:
            raise not_found(f": ResourcArn: {arn} not found") from None
