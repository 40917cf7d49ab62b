"""Athena's API."""

from __future__ import annotations

import json
import time
from typing import Any

from moto.athena.exceptions import MetadataException
from moto.athena.responses import AthenaResponse as Base

from localaws.athena import results
from localaws.athena.backend import DEFAULT_TEXT, AthenaBackend
from localaws.athena.catalog import CATALOG, bucket_and_key
from localaws.athena.catalog import backend as glue
from localaws.athena.faults import InvalidRequest
from localaws.s3 import objects

PAGE = 1000
LIST = 50


class AthenaResponse(Base):
    """Athena's operations."""

    @property
    def _own(self) -> AthenaBackend:
        found: AthenaBackend = self.athena_backend
        return found

    @property
    def _given(self) -> dict[str, Any]:
        given: dict[str, Any] = json.loads(self.body or "{}")
        return given

    def start_query_execution(self) -> str:
        return json.dumps({"QueryExecutionId": self._own.start(self._given)})

    def get_query_execution(self) -> str:
        execution = self._own.execution(self._get_param("QueryExecutionId"))
        return json.dumps({"QueryExecution": execution.as_dict()})

    def batch_get_query_execution(self) -> str:
        wanted = self._get_param("QueryExecutionIds", [])
        known = self._own.executions
        missing = [
            {"QueryExecutionId": each, "ErrorCode": "INVALID_QUERY_EXECUTION_ID", "ErrorMessage": "Not found"}
            for each in wanted
            if each not in known
        ]
        found = [known[each].as_dict() for each in wanted if each in known]
        return json.dumps({"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing})

    def list_query_executions(self) -> str:
        workgroup = self._own.workgroup(self._get_param("WorkGroup") or "primary")
        names = [
            each.id for each in reversed(self._own.executions.values()) if each.workgroup == workgroup.name
        ]
        return self._page("QueryExecutionIds", names)

    def stop_query_execution(self) -> str:
        self._own.stop(self._get_param("QueryExecutionId"))
        return "{}"

    def get_query_results(self) -> str:
        execution = self._own.execution(self._get_param("QueryExecutionId"))
        if execution.status == "FAILED":
            raise InvalidRequest(f"Query did not finish successfully. Final query state: {execution.status}")
        if execution.status != "SUCCEEDED":
            state = "Final" if execution.status == "CANCELLED" else "Current"
            text = "Query did not finish successfully." if state == "Final" else "Query has not yet finished."
            raise InvalidRequest(
                f"{text} {state} {'query ' if state == 'Final' else ''}state: {execution.status}"
            )
        file = objects.path_of(self.current_account, *bucket_and_key(execution.output))
        if file is None:
            raise InvalidRequest(f"Could not find results: {execution.output} was deleted.")
        limit = int(self._get_param("MaxResults") or PAGE)
        if not 1 <= limit <= PAGE:
            raise InvalidRequest("MaxResults is more than maximum allowed length 1000.")
        token = self._get_param("NextToken")
        rows, position = results.page(file, int(token or 0), limit, csv=execution.selects)
        answer: dict[str, Any] = {
            "ResultSet": {
                "Rows": [{"Data": [_datum(value) for value in row]} for row in rows],
                "ResultSetMetadata": {"ColumnInfo": execution.columns},
            },
            "UpdateCount": execution.rows or 0,
        }
        if position is not None:
            answer["NextToken"] = str(position)
        return json.dumps(answer)

    def get_query_runtime_statistics(self) -> str:
        execution = self._own.execution(self._get_param("QueryExecutionId"))
        figures = execution.statistics()
        timeline = {name: value for name, value in figures.items() if name.endswith("Millis")}
        rows = {
            "InputBytes": figures["DataScannedInBytes"],
            "InputRows": 0,
            "OutputBytes": 0,
            "OutputRows": 0,
        }
        return json.dumps({"QueryRuntimeStatistics": {"Timeline": timeline, "Rows": rows}})

    def _page(self, name: str, everything: list[Any]) -> str:
        start = int(self._get_param("NextToken") or 0)
        limit = int(self._get_param("MaxResults") or LIST)
        more = {"NextToken": str(start + limit)} if start + limit < len(everything) else {}
        return json.dumps({name: everything[start : start + limit], **more})

    def create_work_group(self) -> Any:
        if self._get_param("Name") in self._own.work_groups:
            raise InvalidRequest("WorkGroup is already created")
        given = self._given
        cutoff = (given.get("Configuration") or {}).get("BytesScannedCutoffPerQuery")
        _check_cutoff(cutoff)
        answer = super().create_work_group()
        self._own.work_groups[given["Name"]].created = time.time()
        return answer

    def get_work_group(self) -> str:
        workgroup = self._own.workgroup(self._get_param("WorkGroup"))
        described = self._own.get_work_group(workgroup.name) or {}
        created = getattr(workgroup, "created", None)
        return json.dumps({"WorkGroup": described | ({"CreationTime": created} if created else {})})

    def update_work_group(self) -> str:
        given = self._given
        workgroup = self._own.workgroup(given["WorkGroup"])
        updates = given.get("ConfigurationUpdates") or {}
        _check_cutoff(updates.get("BytesScannedCutoffPerQuery"))
        workgroup.state = given.get("State", workgroup.state)
        workgroup.description = given.get("Description", workgroup.description)
        workgroup.configuration = _updated(workgroup.configuration, updates)
        return "{}"

    def delete_work_group(self) -> str:
        name, given = self._get_param("WorkGroup"), self._given
        self._own.workgroup(name)
        if name == "primary":
            raise InvalidRequest("The primary workgroup cannot be deleted.")
        holds = any(each.workgroup.name == name for each in self._own.named_queries.values()) or any(
            each.workgroup == name
            for each in (*self._own.executions.values(), *self._own.prepared_statements.values())
        )
        if holds and not given.get("RecursiveDeleteOption"):
            raise InvalidRequest(f"WorkGroup {name} is not empty")
        self._forget(name)
        return super().delete_work_group()

    def _forget(self, workgroup: str) -> None:
        own = self._own
        own.named_queries = {
            name: each for name, each in own.named_queries.items() if each.workgroup.name != workgroup
        }
        own.prepared_statements = {
            name: each for name, each in own.prepared_statements.items() if each.workgroup != workgroup
        }
        for each in [each for each in own.executions.values() if each.workgroup == workgroup]:
            own.stop(each.id)
            del own.executions[each.id]

    def get_named_query(self) -> str:
        self._own.named(self._get_param("NamedQueryId"))
        return str(super().get_named_query())

    def batch_get_named_query(self) -> str:
        wanted = self._get_param("NamedQueryIds", [])
        known = self._own.named_queries
        found = [_named(known[each]) for each in wanted if each in known]
        missing = [
            {"NamedQueryId": each, "ErrorCode": "INVALID_INPUT", "ErrorMessage": "Not found"}
            for each in wanted
            if each not in known
        ]
        return json.dumps({"NamedQueries": found, "UnprocessedNamedQueryIds": missing})

    def update_named_query(self) -> str:
        given = self._given
        query = self._own.named(given["NamedQueryId"])
        query.name, query.query_string = given["Name"], given["QueryString"]
        query.description = given.get("Description", query.description)
        return "{}"

    def delete_named_query(self) -> str:
        self._own.named(self._get_param("NamedQueryId"))
        del self._own.named_queries[self._get_param("NamedQueryId")]
        return "{}"

    def get_prepared_statement(self) -> str:
        self._own.prepared(self._get_param("StatementName"), self._get_param("WorkGroup"))
        return str(super().get_prepared_statement())

    def list_prepared_statements(self) -> str:
        workgroup = self._own.workgroup(self._get_param("WorkGroup"))
        found = [
            {"StatementName": each.statement_name, "LastModifiedTime": each.last_modified_time.timestamp()}
            for each in self._own.prepared_statements.values()
            if each.workgroup == workgroup.name
        ]
        return self._page("PreparedStatements", found)

    def update_prepared_statement(self) -> str:
        given = self._given
        statement = self._own.prepared(given["StatementName"], given["WorkGroup"])
        statement.query_statement = given["QueryStatement"]
        statement.description = given.get("Description", statement.description)
        return "{}"

    def delete_prepared_statement(self) -> str:
        statement = self._own.prepared(self._get_param("StatementName"), self._get_param("WorkGroup"))
        del self._own.prepared_statements[statement.statement_name]
        return "{}"

    def list_data_catalogs(self) -> str:
        own = {"CatalogName": "AwsDataCatalog", "Type": "GLUE"}
        return self._page("DataCatalogsSummary", [own, *self._own.list_data_catalogs()])

    def get_data_catalog(self) -> str:
        name = self._get_param("Name")
        if name.lower() == CATALOG:
            return json.dumps({"DataCatalog": {"Name": "AwsDataCatalog", "Type": "GLUE"}})
        if name not in self._own.data_catalogs:
            raise InvalidRequest(f"DataCatalog {name} was not found")
        return str(super().get_data_catalog())

    def list_databases(self) -> str:
        is_ours = (self._get_param("CatalogName") or CATALOG).lower() == CATALOG
        names = sorted({"default", *glue(self.current_account, self.region).databases}) if is_ours else []
        return self._page("DatabaseList", [self._database(name) for name in names])

    def get_database(self) -> str:
        return json.dumps({"Database": self._database(self._get_param("DatabaseName"))})

    def _database(self, name: str) -> dict[str, Any]:
        found = glue(self.current_account, self.region).databases.get(name.lower())
        if found is None and name.lower() != "default":
            raise MetadataException(f"Database {name} not found.")
        given = found.as_dict() if found else {"Name": "default", "Description": DEFAULT_TEXT}
        described = {key: given.get(key) for key in ("Name", "Description")}
        return {key: value for key, value in described.items() if value} | {
            "Parameters": given.get("Parameters") or {}
        }

    def list_table_metadata(self) -> str:
        database = self._get_param("DatabaseName")
        self._database(database)
        found = glue(self.current_account, self.region).databases.get(database.lower())
        return self._page(
            "TableMetadataList", [_table(each) for each in found.tables.values()] if found else []
        )

    def get_table_metadata(self) -> str:
        database, name = self._get_param("DatabaseName"), self._get_param("TableName")
        self._database(database)
        found = glue(self.current_account, self.region).databases.get(database.lower())
        if found is None or name.lower() not in found.tables:
            raise MetadataException(f"Table {name} not found.")
        return json.dumps({"TableMetadata": _table(found.tables[name.lower()])})


def _datum(value: str | None) -> dict[str, str]:
    return {} if value is None else {"VarCharValue": value}


def _check_cutoff(cutoff: int | None) -> None:
    if cutoff is not None and cutoff < 10_000_000:
        raise InvalidRequest("BytesScannedCutoffPerQuery must be at least 10000000 (10 MB).")


def _updated(configuration: dict[str, Any], updates: dict[str, Any]) -> dict[str, Any]:
    changed = dict(configuration)
    for name, value in updates.items():
        if name == "ResultConfigurationUpdates":
            kept = dict(changed.get("ResultConfiguration") or {})
            removed = {
                each.removeprefix("Remove")
                for each, chosen in value.items()
                if each.startswith("Remove") and chosen
            }
            kept |= {each: chosen for each, chosen in value.items() if not each.startswith("Remove")}
            changed["ResultConfiguration"] = {
                each: chosen for each, chosen in kept.items() if each not in removed
            }
        elif name == "RemoveBytesScannedCutoffPerQuery":
            changed.pop("BytesScannedCutoffPerQuery", None)
        else:
            changed[name] = value
    return changed


def _named(query: Any) -> dict[str, Any]:
    return {
        "Name": query.name,
        "Description": query.description,
        "Database": query.database,
        "QueryString": query.query_string,
        "NamedQueryId": query.id,
        "WorkGroup": query.workgroup.name,
    }


def _table(table: Any) -> dict[str, Any]:
    given = table.as_dict()
    storage = given.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    extra = {
        "location": storage.get("Location"),
        "inputformat": storage.get("InputFormat"),
        "outputformat": storage.get("OutputFormat"),
        "serde.serialization.lib": serde.get("SerializationLibrary"),
        **{f"serde.param.{name}": value for name, value in (serde.get("Parameters") or {}).items()},
    }
    return {
        "Name": table.name,
        "CreateTime": table.created_time.timestamp(),
        "TableType": given.get("TableType"),
        "Columns": storage.get("Columns") or [],
        "PartitionKeys": given.get("PartitionKeys") or [],
        "Parameters": {
            **(given.get("Parameters") or {}),
            **{name: value for name, value in extra.items() if value},
        },
    }
