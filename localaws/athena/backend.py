"""Athena's model: moto's workgroups and saved queries, and queries that really run."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace
from typing import Any

import moto.athena.models as base
from moto.athena.urls import url_bases, url_paths
from moto.moto_api._internal import mock_random

from localaws.athena.catalog import backend as glue
from localaws.athena.faults import InvalidRequest
from localaws.athena.models import ENDED, Execution
from localaws.athena.types import split
from localaws.s3 import objects

LONGEST = 262144
DEFAULT_TEXT = "Default Hive database"
FIRST_WORDS = frozenset(
    {
        "SELECT", "WITH", "VALUES", "TABLE", "INSERT", "CREATE", "DROP", "ALTER", "SHOW", "DESCRIBE", "DESC",
        "MSCK", "UNLOAD", "EXPLAIN", "EXECUTE",
    }
)  # fmt: skip
DDL_WORDS = frozenset({"ALTER", "CREATE", "DROP", "SHOW", "DESCRIBE", "DESC", "MSCK", "EXPLAIN"})


class AthenaBackend(base.AthenaBackend):
    """Athena in one account and Region."""

    @property
    def _url_module(self) -> Any:
        from localaws.athena.responses import AthenaResponse

        return SimpleNamespace(
            url_bases=url_bases, url_paths=dict.fromkeys(url_paths, AthenaResponse.dispatch)
        )

    def workgroup(self, name: str) -> Any:
        """Return a workgroup that can be used."""
        found = self.work_groups.get(name)
        if found is None:
            raise InvalidRequest(f"WorkGroup {name} is not found.")
        return found

    def start(self, given: dict[str, Any]) -> str:
        """StartQueryExecution."""
        token = given.get("ClientRequestToken")
        earlier = next((each for each in self.executions.values() if token and each.token == token), None)
        if earlier is not None:
            if earlier.query != given["QueryString"]:
                raise InvalidRequest("Idempotent parameters do not match")
            return str(earlier.id)
        workgroup = self.workgroup(given.get("WorkGroup") or "primary")
        if workgroup.state != "ENABLED":
            raise InvalidRequest(f"WorkGroup {workgroup.name} is disabled.")
        query, parameters = given["QueryString"], given.get("ExecutionParameters")
        _check(query)
        statement, values = self._statement(query, parameters, workgroup)
        context = given.get("QueryExecutionContext") or {}
        identifier = str(mock_random.uuid4())
        configuration = self._configuration(
            identifier, statement, given.get("ResultConfiguration") or {}, workgroup
        )
        self._make_default_database()
        self.executions[identifier] = Execution(
            id=identifier,
            query=query,
            statement=statement,
            workgroup=workgroup.name,
            database=(context.get("Database") or "default").lower(),
            catalog=(context.get("Catalog") or "awsdatacatalog").lower(),
            parameters=values,
            configuration=configuration,
            engine=(workgroup.configuration.get("EngineVersion") or {}).get("SelectedEngineVersion", "AUTO"),
            limit=workgroup.configuration.get("BytesScannedCutoffPerQuery"),
            submitted=time.time(),
            token=token,
        )
        return identifier

    def _make_default_database(self) -> None:
        catalog = glue(self.account_id, self.region_name)
        if "default" not in catalog.databases:
            catalog.create_database("default", {"Name": "default", "Description": DEFAULT_TEXT})

    def _statement(
        self, query: str, parameters: list[str] | None, workgroup: Any
    ) -> tuple[str, list[str] | None]:
        found = re.match(r"\s*EXECUTE\s+(\w+)(?:\s+USING\s+(.*?))?;?\s*$", query, re.IGNORECASE | re.DOTALL)
        if not found:
            return query, parameters
        prepared = self.prepared(found.group(1), workgroup.name)
        return prepared.query_statement, parameters or list(split(found.group(2) or ""))

    def _configuration(
        self, identifier: str, statement: str, given: dict[str, Any], workgroup: Any
    ) -> dict[str, Any]:
        own = workgroup.configuration.get("ResultConfiguration") or {}
        enforced = workgroup.configuration.get("EnforceWorkGroupConfiguration")
        chosen = dict(own) if enforced and own.get("OutputLocation") else {**own, **given}
        location = chosen.get("OutputLocation")
        if not location:
            raise InvalidRequest(
                "No output location provided. An output location is required either through the Workgroup "
                "result configuration setting or as an API input."
            )
        found = re.match(r"s3://([^/]+)(/.*)?$", location)
        if not found:
            raise InvalidRequest("outputLocation is not a valid S3 path.")
        if not objects.bucket_exists(self.account_id, found.group(1)):
            raise InvalidRequest(f"Unable to verify/create output bucket {found.group(1)}")
        folder = location if location.endswith("/") else f"{location}/"
        word = statement.split()[0].upper()
        is_text = word in DDL_WORDS or word == "UNLOAD"
        return {**chosen, "OutputLocation": f"{folder}{identifier}.{'txt' if is_text else 'csv'}"}

    def execution(self, name: str | None) -> Execution:
        """Return a query."""
        found: Execution | None = self.executions.get(name or "")
        if found is None:
            raise InvalidRequest(f"QueryExecution {name} was not found")
        return found

    def stop(self, name: str) -> None:
        """StopQueryExecution: one that has ended stays as it is."""
        execution = self.execution(name)
        if execution.status not in ENDED:
            execution.status, execution.ended = "CANCELLED", time.time()
            execution.reason = "Query cancelled by user"

    def prepared(self, name: str, workgroup: str) -> Any:
        """Return a prepared statement."""
        found = self.prepared_statements.get(name)
        if found is None or found.workgroup != workgroup:
            raise InvalidRequest(f"PreparedStatement {name} was not found in workGroup {workgroup}")
        return found

    def list_tags_for_resource(self, resource_arn: str) -> dict[str, Any] | None:
        """Return a resource's tags, which may be none; None when there is no such resource."""
        if any(each.arn == resource_arn for each in self.iter_tagged_resources()):
            return dict(self.tagger.list_tags_for_resource(resource_arn))
        return None

    def named(self, name: str | None) -> Any:
        """Return a saved query."""
        found = self.named_queries.get(name or "")
        if found is None:
            raise InvalidRequest(f"NamedQuery {name} was not found")
        return found


_MORE_THAN_ONE = re.compile(
    r"""(?:--[^\n]*|/\*.*?\*/|'[^']*'|"[^"]*"|`[^`]*`|[^;])*+;(?:\s|;|--[^\n]*|/\*.*?\*/)*+.""", re.DOTALL
)
"""A semicolon, outside of texts and comments, with something after it."""


def _check(query: str) -> None:
    words = re.sub(r"--[^\n]*|/\*.*?\*/", " ", query, flags=re.DOTALL).split(None, 1)
    if not words:
        raise InvalidRequest("Query string cannot be empty")
    if len(query.encode()) > LONGEST:
        raise InvalidRequest(f"Query string is longer than {LONGEST} bytes")
    first = re.match(r"\(|\w*", words[0])
    word = first.group() if first else ""
    if word != "(" and word.upper() not in FIRST_WORDS:
        expected = ", ".join(f"'{each}'" for each in sorted(FIRST_WORDS))
        raise InvalidRequest(
            f"line 1:1: mismatched input '{word or words[0]}'. Expecting: {expected}", "MALFORMED_QUERY"
        )
    if _MORE_THAN_ONE.match(query):
        raise InvalidRequest(f"Only one sql statement is allowed. Got: {query}")
