"""A query of Athena's over a gigabyte of Parquet, beside DuckDB alone on the same files."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from bench.figure import Figure, interleaved
from bench.peers import localaws

FILES = 8
ROWS = 4_000_000
POLL_SECONDS = 0.01
QUERY = (
    "SELECT grade, count(*), sum(amount), avg(weight), max(word) FROM {table} GROUP BY grade ORDER BY grade"
)
TABLE = """
    CREATE EXTERNAL TABLE facts (id bigint, grade int, amount bigint, weight double, word string)
    STORED AS PARQUET LOCATION 's3://lake/facts/'
"""


def _files(folder: Path) -> list[Path]:
    """Write files that do not compress, 1 GB altogether."""
    files = [folder / f"{number}.parquet" for number in range(FILES)]
    for number, file in enumerate(files):
        first = number * ROWS
        duckdb.execute(
            "COPY (SELECT range AS id, CAST(hash(range) % 100 AS INTEGER) AS grade, "
            "CAST(hash(range * 3) % 1000000007 AS BIGINT) AS amount, hash(range * 5) / 7.0 AS weight, "
            f"CAST(hash(range * 7) AS VARCHAR) AS word FROM range({first}, {first + ROWS})) "
            f"TO '{file}' (FORMAT parquet)"
        )
    return files


def _query(athena: Any, sql: str) -> Callable[[], object]:
    def run() -> object:
        name = athena.start_query_execution(
            QueryString=sql, ResultConfiguration={"OutputLocation": "s3://lake/results/"}
        )["QueryExecutionId"]
        while True:
            found = athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]["Status"]
            if found["State"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
                assert found["State"] == "SUCCEEDED", found
                return athena.get_query_results(QueryExecutionId=name)
            time.sleep(POLL_SECONDS)

    return run


def athena(times: int = 5) -> Iterator[Figure]:
    """From StartQueryExecution to the results, the files warm for both."""
    duckdb.execute("SET enable_progress_bar = false")
    with localaws() as peer, tempfile.TemporaryDirectory() as folder:
        files = _files(Path(folder))
        size = sum(file.stat().st_size for file in files)
        s3, client = peer.client("s3"), peer.client("athena")
        s3.create_bucket(Bucket="lake")
        for file in files:
            s3.upload_file(str(file), "lake", f"facts/{file.name}")
        _query(client, TABLE)()
        alone = QUERY.format(table=f"read_parquet('{folder}/*.parquet')")
        actions = [_query(client, QUERY.format(table="facts")), lambda: duckdb.execute(alone).fetchall()]
        interleaved(actions, 1)
        ours, theirs = interleaved(actions, times)
    yield Figure(
        name=f"Athena: an aggregate over {size / 1e9:.1f} GB of Parquet",
        ours=f"{ours:.2f} s",
        peer=f"DuckDB alone {theirs:.2f} s ({ours / theirs:.2f}×)",
        goal="≤ 1.5 × DuckDB alone",
        reached=ours <= 1.5 * theirs,
    )
