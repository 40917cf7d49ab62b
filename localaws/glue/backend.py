"""Glue's model: moto's catalog with AWS's rules for names and partitions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import moto.glue.models as base
from moto.core.exceptions import JsonRESTError
from moto.glue.urls import url_bases, url_paths


class InvalidInput(JsonRESTError):
    """A request that Glue refuses."""

    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("InvalidInputException", message)


class NotAvailable(JsonRESTError):
    """Something that is not run here."""

    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("OperationNotSupportedException", message)


class GlueBackend(base.GlueBackend):
    """Glue in one account and Region; names are kept in lower case, as on AWS."""

    @property
    def _url_module(self) -> Any:
        from localaws.glue.responses import GlueResponse

        return SimpleNamespace(url_bases=url_bases, url_paths=dict.fromkeys(url_paths, GlueResponse.dispatch))

    def create_database(
        self, database_name: str, database_input: dict[str, Any], tags: dict[str, str] | None = None
    ) -> Any:
        """CreateDatabase."""
        _check_name(database_name)
        return super().create_database(database_name.lower(), database_input, tags)

    def get_database(self, database_name: str) -> Any:
        """GetDatabase."""
        return super().get_database(database_name.lower())

    def update_database(self, database_name: str, database_input: dict[str, Any]) -> None:
        """UpdateDatabase."""
        super().update_database(database_name.lower(), database_input)

    def delete_database(self, database_name: str) -> None:
        """DeleteDatabase, with its tables."""
        super().delete_database(database_name.lower())

    def create_table(
        self,
        database_name: str,
        table_name: str,
        table_input: dict[str, Any],
        open_table_format_input: dict[str, Any] | None = None,
    ) -> Any:
        """CreateTable."""
        _check_name(table_name)
        name = table_name.lower()
        return super().create_table(
            database_name.lower(), name, table_input | {"Name": name}, open_table_format_input
        )

    def get_table(self, database_name: str, table_name: str) -> Any:
        """GetTable."""
        return super().get_table(database_name, table_name.lower())

    def update_table(self, database_name: str, table_name: str, table_input: dict[str, Any]) -> None:
        """UpdateTable."""
        super().update_table(database_name, table_name, table_input | {"Name": table_name.lower()})

    def delete_table(self, database_name: str, table_name: str) -> None:
        """DeleteTable."""
        super().delete_table(database_name, table_name.lower())

    def create_partition(self, database_name: str, table_name: str, part_input: dict[str, Any]) -> None:
        """CreatePartition."""
        self._check_values(database_name, table_name, part_input.get("Values"))
        super().create_partition(database_name, table_name, part_input)

    def update_partition(
        self, database_name: str, table_name: str, part_input: dict[str, Any], part_to_update: Any
    ) -> None:
        """UpdatePartition; Values may be left out."""
        given = {"Values": part_to_update, **part_input}
        self._check_values(database_name, table_name, given["Values"])
        super().update_partition(database_name, table_name, given, part_to_update)

    def _check_values(self, database_name: str, table_name: str, values: Any) -> None:
        table = self.get_table(database_name, table_name)
        keys = table.as_dict().get("PartitionKeys") or []
        if not isinstance(values, list) or len(values) != len(keys):
            raise InvalidInput("The number of partition keys do not match the number of partition values")

    def start_crawler(self, name: str) -> None:
        """StartCrawler: refused, as no crawler runs here."""
        self.get_crawler(name)
        raise NotAvailable(
            "Crawlers do not run in this local AWS. Create the table with Athena (CREATE EXTERNAL TABLE), "
            "and find its partitions with MSCK REPAIR TABLE."
        )

    def start_job_run(self, *args: Any, **kwargs: Any) -> str:
        """StartJobRun: refused, as no job runs here."""
        self.get_job(kwargs.get("name") or args[0])
        raise NotAvailable("Jobs do not run in this local AWS. Use Athena: CREATE TABLE AS, INSERT INTO.")


def _check_name(name: str | None) -> None:
    if not name or len(name) > 255:
        raise InvalidInput("The name must have between 1 and 255 characters.")
