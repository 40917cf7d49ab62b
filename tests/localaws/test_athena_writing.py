"""Athena: CREATE TABLE AS, INSERT INTO and UNLOAD leave everything or nothing, also after a kill."""

from __future__ import annotations

import gzip
import json
import os
import signal
from pathlib import Path

import duckdb
import pytest

from tests.localaws.conftest import LocalAws, eventually
from tests.localaws.fix_athena import ENDED, Lake


@pytest.fixture(scope="module")
def lake(aws: LocalAws) -> Lake:
    made = Lake(aws)
    made.prepare()
    made.put("raw/a.csv", b"1,ann,2026-01-01\n2,bob,2026-01-02\n3,cid,2026-01-02\n")
    made.rows(
        "CREATE EXTERNAL TABLE raw (id int, name string, dt string) "
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://lake/raw/'"
    )
    return made


def read(lake: Lake, key: str, folder: Path) -> list[tuple[object, ...]]:
    file = folder / "back.parquet"
    lake.s3.download_file("lake", key, str(file))
    return duckdb.execute("SELECT * FROM read_parquet($1, hive_partitioning = false)", [str(file)]).fetchall()


def test_a_table_made_from_a_query(lake: Lake, tmp_path: Path) -> None:
    ended = lake.ended(
        "CREATE TABLE made WITH (format = 'PARQUET', write_compression = 'ZSTD', "
        "partitioned_by = ARRAY['dt'], external_location = 's3://lake/made/') "
        "AS SELECT id, upper(name) AS name, dt FROM raw"
    )
    assert ended["Status"]["State"] == "SUCCEEDED", ended["Status"]
    assert sorted({key.split("/")[1] for key in lake.keys("made/")}) == ["dt=2026-01-01", "dt=2026-01-02"]
    [key] = lake.keys("made/dt=2026-01-01/")
    assert read(lake, key, tmp_path) == [(1, "ANN")]
    table = lake.glue.get_table(DatabaseName="shop", Name="made")["Table"]
    assert [(each["Name"], each["Type"]) for each in table["StorageDescriptor"]["Columns"]] == [
        ("id", "int"),
        ("name", "string"),
    ]
    assert lake.rows("SHOW PARTITIONS made") == [["dt=2026-01-01"], ["dt=2026-01-02"]]
    assert lake.rows("SELECT id, name, dt FROM made WHERE dt = '2026-01-02' ORDER BY id")[1:] == [
        ["2", "BOB", "2026-01-02"],
        ["3", "CID", "2026-01-02"],
    ]
    assert lake.reason("CREATE TABLE made AS SELECT 1 AS x").startswith("TABLE_ALREADY_EXISTS")
    other = "CREATE TABLE other WITH (external_location = 's3://lake/made/') AS SELECT 1 AS x"
    assert lake.reason(other).startswith("HIVE_PATH_ALREADY_EXISTS")
    wrong = "CREATE TABLE other WITH (partitioned_by = ARRAY['id']) AS SELECT id, name FROM raw"
    assert lake.reason(wrong).startswith("HIVE_COLUMN_ORDER_MISMATCH")


def test_rows_are_added(lake: Lake) -> None:
    lake.rows("CREATE TABLE added WITH (partitioned_by = ARRAY['dt']) AS SELECT id, name, dt FROM raw")
    before = lake.keys("results/tables/")
    lake.rows("INSERT INTO added SELECT id + 10, name, '2026-01-01' FROM raw WHERE id = 2")
    lake.rows("INSERT INTO added (name, dt) VALUES ('dan', '2026-01-09')")
    assert len(lake.keys("results/tables/")) == len(before) + 2
    assert lake.rows("SELECT id, name FROM added WHERE dt IN ('2026-01-01', '2026-01-09') ORDER BY 2")[
        1:
    ] == [
        ["1", "ann"],
        ["12", "bob"],
        [None, "dan"],
    ]
    assert ["dt=2026-01-09"] in lake.rows("SHOW PARTITIONS added")
    assert lake.reason("INSERT INTO added SELECT 1").startswith(
        "SYNTAX_ERROR: line 1:1: Insert query has mismatched"
    )
    lake.rows("INSERT INTO raw VALUES (4, 'eve', '2026-01-03')")
    assert lake.rows("SELECT name FROM raw WHERE id = 4") == [["name"], ["eve"]]


def test_unload(lake: Lake) -> None:
    ended = lake.ended(
        "UNLOAD (SELECT id, name FROM raw WHERE id < 3 ORDER BY id) TO 's3://lake/unloaded/' "
        "WITH (format = 'JSON', compression = 'gzip')"
    )
    assert ended["Status"]["State"] == "SUCCEEDED", ended["Status"]
    [key] = lake.keys("unloaded/")
    lines = gzip.decompress(lake.s3.get_object(Bucket="lake", Key=key)["Body"].read()).splitlines()
    assert [json.loads(line) for line in lines] == [{"id": 1, "name": "ann"}, {"id": 2, "name": "bob"}]
    place = ended["Statistics"]["DataManifestLocation"].removeprefix("s3://lake/")
    assert lake.s3.get_object(Bucket="lake", Key=place)["Body"].read() == f"s3://lake/{key}\n".encode()
    again = "UNLOAD (SELECT 1 AS x) TO 's3://lake/unloaded/' WITH (format = 'PARQUET')"
    assert lake.reason(again).startswith("HIVE_PATH_ALREADY_EXISTS")


def test_too_many_partitions(lake: Lake) -> None:
    sql = (
        "CREATE TABLE many WITH (partitioned_by = ARRAY['p']) AS "
        "SELECT n, CAST(n AS varchar) AS p FROM UNNEST(sequence(1, 101)) AS x (n)"
    )
    assert lake.reason(sql).startswith("HIVE_TOO_MANY_OPEN_PARTITIONS")
    assert lake.reason("SELECT * FROM many").startswith("TABLE_NOT_FOUND")


def test_a_killed_query_runs_again_and_leaves_nothing_half_made(own_aws: LocalAws, tmp_path: Path) -> None:
    own_aws.start()
    lake = Lake(own_aws)
    lake.prepare()
    lake.parquet("big/a.parquet", "SELECT range AS id, hash(range) AS h FROM range(3000000)", tmp_path)
    lake.rows("CREATE EXTERNAL TABLE big (id bigint, h double) STORED AS PARQUET LOCATION 's3://lake/big/'")
    name = lake.start(
        "CREATE TABLE sorted WITH (external_location = 's3://lake/sorted/') "
        "AS SELECT id, h FROM big ORDER BY h"
    )
    eventually(lambda: (own_aws.state / "athena" / name / "in").exists())
    os.kill(json.loads((own_aws.state / "server.json").read_text())["pid"], signal.SIGKILL)
    own_aws.start()
    lake = Lake(own_aws)
    eventually(lambda: lake.described(name)["Status"]["State"] in ENDED)
    assert lake.described(name)["Status"]["State"] == "SUCCEEDED", lake.described(name)["Status"]
    assert len(lake.keys("sorted/")) == 1
    assert lake.rows("SELECT count(*), count(DISTINCT id) FROM sorted")[1] == ["3000000", "3000000"]
    assert not list((own_aws.state / "athena").iterdir())
    held = len(lake.keys(""))
    eventually(lambda: len(list((own_aws.state / "objects").iterdir())) == held)


def test_results_and_tables_are_there_after_a_restart(own_aws: LocalAws) -> None:
    own_aws.start()
    lake = Lake(own_aws)
    lake.prepare()
    name = lake.ended("SELECT 1 AS one")["QueryExecutionId"]
    lake.rows("CREATE TABLE kept AS SELECT 'kept' AS word")
    own_aws.stop()
    own_aws.start()
    lake = Lake(own_aws)
    assert lake.results(name) == [["one"], ["1"]]
    assert lake.rows("SELECT * FROM kept") == [["word"], ["kept"]]
