"""The Data API: statements are accepted, described, cancelled and their results read.

Results are read from files, page by page.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from moto.redshiftdata.responses import RedshiftDataAPIServiceResponse as Base

from localaws.redshift import faults, statements, translate
from localaws.redshift.host import HOST
from localaws.redshift.statements import dumped

PAGE = 1000


class RedshiftDataResponse(Base):
    """The Data API's operations."""

    @property
    def _asked(self) -> dict[str, Any]:
        asked: dict[str, Any] = json.loads(self.body or "{}")
        return asked

    def execute_statement(self) -> str:
        asked = self._asked
        texts = translate.split(asked.get("Sql") or "")
        if len(texts) > 1:
            raise faults.invalid(
                "Multiple statements are not allowed in ExecuteStatement: use BatchExecuteStatement."
            )
        if not texts:
            raise faults.invalid("Sql must not be empty.")
        statement = self.redshiftdata_backend.submit(asked, texts, batch=False)
        return dumped(statements.accepted(statement))

    def batch_execute_statement(self) -> str:
        asked = self._asked
        statement = self.redshiftdata_backend.submit(asked, asked.get("Sqls") or [], batch=True)
        return dumped(statements.accepted(statement))

    def describe_statement(self) -> str:
        return dumped(statements.described(self.redshiftdata_backend.find(self._get_param("Id"))))

    def cancel_statement(self) -> str:
        self.redshiftdata_backend.cancel(self._get_param("Id"))
        return dumped({"Status": True})

    def list_statements(self) -> str:
        asked = self._asked
        wanted, name = asked.get("Status", "ALL"), asked.get("StatementName")
        found = sorted(self.redshiftdata_backend.statements.values(), key=lambda each: -each.created)
        listed = [
            {
                "Id": each.id,
                "QueryString": "" if each.batch else each.texts[0],
                "QueryStrings": each.texts if each.batch else None,
                "IsBatchStatement": each.batch,
                "StatementName": each.name,
                "Status": each.status,
                "SecretArn": each.secret,
                "QueryParameters": each.parameters or None,
                "CreatedAt": each.created,
                "UpdatedAt": each.updated or each.created,
            }
            for each in found
            if wanted in ("ALL", each.status) and (name is None or (each.name or "").startswith(name))
        ]
        return dumped({"Statements": [_said(each) for each in listed[: asked.get("MaxResults") or 100]]})

    def get_statement_result(self) -> str:
        asked = self._asked
        statement = self.redshiftdata_backend.find(asked.get("Id") or "")
        if statement.status != statements.FINISHED:
            raise faults.invalid(
                f"Query is in {statement.status} state: a result is there when it is FINISHED."
            )
        _, _, part = asked["Id"].partition(":")
        number = int(part) if part else len(statement.outcomes) if statement.batch else 1
        if not 1 <= number <= len(statement.outcomes) or not statement.outcomes[number - 1]["has_result"]:
            raise faults.missing(
                "Query does not have result. Please check query status with DescribeStatement."
            )
        name = f"{statement.id}:{number}" if len(statement.texts) > 1 else statement.id
        total = statement.outcomes[number - 1]["rows"]
        return dumped(_page(statement, name, int(asked.get("NextToken") or 0), total))


def _said(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


def _page(statement: statements.Statement, name: str, start: int, total: int) -> dict[str, Any]:
    path = HOST.result_path(statement.cluster_id, name)
    if path is None or not path.exists():
        raise faults.missing(
            "The result is gone: results are kept for 24 hours, and no longer than the cluster."
        )
    with path.open() as stream:
        columns = json.loads(stream.readline())
        rows = [json.loads(line) for line in islice(stream, start, start + PAGE)]
    page = {"ColumnMetadata": columns, "Records": rows, "TotalNumRows": total}
    return page | ({"NextToken": str(start + PAGE)} if start + PAGE < total else {})
