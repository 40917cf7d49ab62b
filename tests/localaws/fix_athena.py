"""Queries of tests: sent, waited for, and read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tests.localaws.conftest import LocalAws, eventually

ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
Rows = list[list[str | None]]


@dataclass
class Lake:
    """An account with the bucket `lake` and the database `shop`."""

    aws: LocalAws

    def __post_init__(self) -> None:
        self.s3 = self.aws.client("s3")
        self.athena = self.aws.client("athena")
        self.glue = self.aws.client("glue")

    def prepare(self) -> None:
        """Make the bucket and the database."""
        self.s3.create_bucket(Bucket="lake")
        self.rows("CREATE DATABASE shop", database="default")

    def start(self, sql: str, database: str = "shop", **options: Any) -> str:
        """Send a query."""
        given = {"ResultConfiguration": {"OutputLocation": "s3://lake/results/"}, **options}
        return str(
            self.athena.start_query_execution(
                QueryString=sql, QueryExecutionContext={"Database": database}, **given
            )["QueryExecutionId"]
        )

    def described(self, name: str) -> dict[str, Any]:
        """Describe a query."""
        found: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]
        return found

    def ended(self, sql: str, **options: Any) -> dict[str, Any]:
        """Run a query to its end."""
        name = self.start(sql, **options)
        eventually(lambda: self.described(name)["Status"]["State"] in ENDED)
        return self.described(name)

    def results(self, name: str, **options: Any) -> Rows:
        """Read a query's rows."""
        found = self.athena.get_query_results(QueryExecutionId=name, **options)["ResultSet"]["Rows"]
        return [[value.get("VarCharValue") for value in row["Data"]] for row in found]

    def rows(self, sql: str, **options: Any) -> Rows:
        """Run a query that succeeds and return all it gives, the line of names too."""
        ended = self.ended(sql, **options)
        assert ended["Status"]["State"] == "SUCCEEDED", ended["Status"]
        return self.results(ended["QueryExecutionId"])

    def reason(self, sql: str, **options: Any) -> str:
        """Run a query that fails and return why."""
        status = self.ended(sql, **options)["Status"]
        assert status["State"] == "FAILED", status
        return str(status["StateChangeReason"])

    def scanned(self, sql: str, **options: Any) -> int:
        """Run a query that succeeds and return how much it read."""
        ended = self.ended(sql, **options)
        assert ended["Status"]["State"] == "SUCCEEDED", ended["Status"]
        return int(ended["Statistics"]["DataScannedInBytes"])

    def put(self, key: str, body: bytes) -> int:
        """Put an object; return its size."""
        self.s3.put_object(Bucket="lake", Key=key, Body=body)
        return len(body)

    def keys(self, prefix: str) -> list[str]:
        """List the objects below a prefix."""
        return [
            each["Key"] for each in self.s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])
        ]

    def parquet(self, key: str, sql: str, folder: Path) -> Path:
        """Put the result of a DuckDB query as a Parquet object, and return the file."""
        file = folder / "made.parquet"
        duckdb.execute(f"COPY ({sql}) TO '{file}' (FORMAT parquet)")
        self.s3.upload_file(str(file), "lake", key)
        return file
