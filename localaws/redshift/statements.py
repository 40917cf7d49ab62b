"""The Data API's statements: accepted by a call, run by the controller.

AWS: "Using the Amazon Redshift Data API".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from moto.core.utils import unix_time, utcnow
from moto.moto_api._internal import mock_random
from moto.redshift.models import redshift_backends
from moto.redshiftdata.models import RedshiftDataAPIServiceBackend as Base
from moto.redshiftdata.models import redshiftdata_backends
from moto.redshiftdata.urls import url_bases, url_paths

from localaws.redshift import faults
from localaws.redshift.backend import AVAILABLE

SUBMITTED, STARTED, FINISHED, FAILED, ABORTED = "SUBMITTED", "STARTED", "FINISHED", "FAILED", "ABORTED"
OPEN = (SUBMITTED, STARTED)
KEEP_SECONDS = 86400
MOST_IN_A_BATCH = 40
_ID = re.compile(r"[a-z0-9]{8}(-[a-z0-9]{4}){3}-[a-z0-9]{12}(:\d+)?")


@dataclass
class Statement:
    """A statement, or a batch of them, on its way."""

    id: str
    cluster: str
    cluster_id: str
    """The identifier that no later cluster of the same name has."""
    database: str
    user: str | None
    secret: str | None
    texts: list[str]
    batch: bool
    name: str | None
    parameters: list[dict[str, str]]
    created: float
    query_id: int
    updated: float = 0.0
    status: str = SUBMITTED
    error: str | None = None
    duration: int = -1
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    cancelling: bool = False


class RedshiftDataBackend(Base):
    """Statements of one account and Region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.client_tokens: dict[str, str] = {}

    @property
    def _url_module(self) -> Any:
        from localaws.redshift.responses import RedshiftDataResponse

        paths = dict.fromkeys(url_paths, RedshiftDataResponse.dispatch)
        return SimpleNamespace(url_bases=url_bases, url_paths=paths)

    def submit(self, asked: dict[str, Any], texts: list[str], *, batch: bool) -> Statement:
        """Accept a statement or a batch."""
        if not 1 <= len(texts) <= MOST_IN_A_BATCH:
            raise faults.invalid(f"A batch has 1 to {MOST_IN_A_BATCH} SQL statements.")
        cluster = self.cluster(asked)
        token = asked.get("ClientToken")
        known = self.client_tokens.get(token) if token else None
        if known in self.statements:
            return self.statements[known]
        statement = Statement(
            id=str(mock_random.uuid4()),
            cluster=cluster.cluster_identifier,
            cluster_id=cluster.unique_cluster_id,
            database=asked.get("Database") or cluster.db_name,
            user=asked.get("DbUser"),
            secret=asked.get("SecretArn"),
            texts=texts,
            batch=batch,
            name=asked.get("StatementName"),
            parameters=asked.get("Parameters") or [],
            created=unix_time(utcnow()),
            query_id=mock_random.randint(1000, 999999),
        )
        self.statements[statement.id] = statement
        if token:
            self.client_tokens[token] = statement.id
        return statement

    def cluster(self, asked: dict[str, Any]) -> Any:
        """Return the cluster that a call names, which must be available, or raise AWS's error."""
        if asked.get("WorkgroupName"):
            raise faults.invalid("Redshift Serverless is not available in this local AWS: use a cluster.")
        name = asked.get("ClusterIdentifier")
        cluster = redshift_backends[self.account_id][self.region_name].clusters.get(name)
        if cluster is None:
            raise faults.invalid(f"Redshift endpoint doesn't exist in this region: {name}.")
        if not asked.get("DbUser") and not asked.get("SecretArn"):
            raise faults.invalid("Either DbUser or SecretArn is needed to connect to a cluster.")
        if cluster.status != AVAILABLE:
            raise faults.invalid(f"The cluster {name} is {cluster.status}.")
        if (asked.get("Database") or cluster.db_name) != cluster.db_name:
            raise faults.invalid(f'FATAL: database "{asked["Database"]}" does not exist')
        return cluster

    def find(self, statement_id: str) -> Statement:
        """Return a statement by its id, or by that of a part of a batch."""
        if not _ID.fullmatch(statement_id or ""):
            raise faults.invalid(f"id must satisfy regex pattern: ^{_ID.pattern}$")
        found: Statement | None = self.statements.get(statement_id.partition(":")[0])
        if found is None:
            raise faults.missing("Query does not exist.")
        return found

    def cancel(self, statement_id: str) -> None:
        """Stop a statement, or have it stopped."""
        statement = self.find(statement_id)
        if statement.status not in OPEN:
            raise faults.invalid(
                f"Could not cancel a query that is already in {statement.status} state "
                f"with ID: {statement_id}"
            )
        if statement.status == SUBMITTED:
            statement.status, statement.updated = ABORTED, unix_time(utcnow())
        statement.cancelling = True


def started(backend: RedshiftDataBackend, statement_id: str) -> None:
    """Settlement: a statement is running."""
    statement = backend.statements.get(statement_id)
    if statement is not None and statement.status == SUBMITTED:
        statement.status, statement.updated = STARTED, unix_time(utcnow())


def ended(
    backend: RedshiftDataBackend, statement_id: str, error: str | None, duration: int, outcomes: list[Any]
) -> None:
    """Settlement: a statement has ended."""
    statement = backend.statements.get(statement_id)
    if statement is None or statement.status not in OPEN:
        return
    aborted = statement.cancelling and error is not None
    statement.status = ABORTED if aborted else FAILED if error else FINISHED
    statement.error, statement.duration, statement.outcomes = error, duration, outcomes
    statement.updated = unix_time(utcnow())


def forgotten(backend: RedshiftDataBackend, statement_ids: list[str]) -> None:
    """Settlement: statements are older than AWS keeps them."""
    for statement_id in statement_ids:
        backend.statements.pop(statement_id, None)
    tokens = backend.client_tokens
    backend.client_tokens = {token: each for token, each in tokens.items() if each in backend.statements}


SETTLEMENTS: dict[str, Callable[..., None]] = {"started": started, "ended": ended, "forgotten": forgotten}


def described(statement: Statement) -> dict[str, Any]:
    """Return DescribeStatement's answer."""
    total = [each["rows"] for each in statement.outcomes]
    document: dict[str, Any] = {
        **accepted(statement),
        "Status": statement.status,
        "UpdatedAt": statement.updated or statement.created,
        "Duration": max(statement.duration, 0),
        "HasResultSet": any(each["has_result"] for each in statement.outcomes),
        "ResultRows": total[-1] if total else -1,
        "ResultSize": statement.outcomes[-1]["size"] if total else -1,
        "RedshiftQueryId": statement.query_id,
        "RedshiftPid": statement.query_id,
        "QueryString": "" if statement.batch else statement.texts[0],
        "Error": statement.error,
        "QueryParameters": statement.parameters or None,
    }
    if statement.batch:
        document["SubStatements"] = [_part(statement, number) for number in range(len(statement.texts))]
    return {name: value for name, value in document.items() if value is not None}


def _part(statement: Statement, number: int) -> dict[str, Any]:
    outcome = statement.outcomes[number] if number < len(statement.outcomes) else {}
    return {
        "Id": f"{statement.id}:{number + 1}",
        "QueryString": statement.texts[number],
        "Status": statement.status,
        "HasResultSet": outcome.get("has_result", False),
        "ResultRows": outcome.get("rows", -1),
        "ResultSize": outcome.get("size", -1),
        "RedshiftQueryId": statement.query_id,
        "CreatedAt": statement.created,
        "UpdatedAt": statement.updated or statement.created,
    }


def accepted(statement: Statement) -> dict[str, Any]:
    """Return ExecuteStatement's answer."""
    document = {
        "Id": statement.id,
        "ClusterIdentifier": statement.cluster,
        "Database": statement.database,
        "DbUser": statement.user,
        "SecretArn": statement.secret,
        "CreatedAt": statement.created,
    }
    return {name: value for name, value in document.items() if value is not None}


def dumped(document: dict[str, Any]) -> str:
    """Return an answer as JSON."""
    return json.dumps(document)


def install() -> None:
    """Register our backend with moto."""
    redshiftdata_backends.backend = RedshiftDataBackend
