"""Redshift as it is modelled: clusters of one DuckDB file, and the Data API that really runs SQL."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import LocalAws, code_of, eventually

NAME = "warehouse"
END = ("FINISHED", "FAILED", "ABORTED")


def make(aws: LocalAws, name: str = NAME, **more: Any) -> None:
    aws.client("redshift").create_cluster(
        ClusterIdentifier=name,
        NodeType="ra3.xlplus",
        MasterUsername="boss",
        MasterUserPassword="Long3nough",
        ClusterType="single-node",
        **more,
    )
    eventually(lambda: status(aws, name) == "available")


def status(aws: LocalAws, name: str = NAME) -> str:
    return str(cluster(aws, name)["ClusterStatus"])


def cluster(aws: LocalAws, name: str = NAME) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("redshift").describe_clusters(ClusterIdentifier=name)["Clusters"][0]
    return found


def ended(aws: LocalAws, statement_id: str) -> dict[str, Any]:
    data = aws.client("redshift-data")
    eventually(lambda: data.describe_statement(Id=statement_id)["Status"] in END)
    found: dict[str, Any] = data.describe_statement(Id=statement_id)
    return found


def run(aws: LocalAws, sql: str, *, name: str = NAME, **more: Any) -> dict[str, Any]:
    place = {"ClusterIdentifier": name, "Database": "dev", "DbUser": "boss"}
    return ended(aws, aws.client("redshift-data").execute_statement(Sql=sql, **place, **more)["Id"])


def done(aws: LocalAws, sql: str, **more: Any) -> dict[str, Any]:
    found = run(aws, sql, **more)
    assert found["Status"] == "FINISHED", found.get("Error")
    return found


def rows(aws: LocalAws, sql: str, **more: Any) -> list[list[Any]]:
    data = aws.client("redshift-data")
    pages = data.get_paginator("get_statement_result").paginate(Id=done(aws, sql, **more)["Id"])
    return [[_value(field) for field in row] for page in pages for row in page["Records"]]


def _value(field: dict[str, Any]) -> Any:
    return None if field.get("isNull") else next(iter(field.values()))


@pytest.fixture(scope="module")
def warehouse(aws: LocalAws) -> LocalAws:
    make(aws)
    done(
        aws,
        "CREATE TABLE sales (id INT IDENTITY(1,1), region VARCHAR(20) DISTKEY ENCODE lzo, "
        "amount DECIMAL(10,2), sold DATE) SORTKEY (sold)",
    )
    done(
        aws,
        "INSERT INTO sales (region, amount, sold) "
        "VALUES ('eu', 10.50, '2026-01-01'), ('us', 5, '2026-01-02')",
    )
    return aws


def test_sql_really_runs(warehouse: LocalAws) -> None:
    found = rows(warehouse, "SELECT id, region, amount, sold, NULL FROM public.sales ORDER BY id")
    assert found == [[1, "eu", "10.50", "2026-01-01", None], [2, "us", "5.00", "2026-01-02", None]]
    assert rows(warehouse, "SELECT TOP 1 NVL(NULL, region) FROM dev.public.sales ORDER BY amount") == [["us"]]


def test_what_a_statement_says_of_itself(warehouse: LocalAws) -> None:
    found = done(warehouse, "SELECT count(*) AS n, true AS yes, 1.5::float8 AS f FROM sales")
    assert (found["HasResultSet"], found["ResultRows"], found["QueryString"][:6]) == (True, 1, "SELECT")
    assert found["Duration"] > 0
    result = warehouse.client("redshift-data").get_statement_result(Id=found["Id"])
    assert [column["typeName"] for column in result["ColumnMetadata"]] == ["int8", "bool", "float8"]
    assert result["Records"] == [[{"longValue": 2}, {"booleanValue": True}, {"doubleValue": 1.5}]]


def test_parameters_are_values_not_text(warehouse: LocalAws) -> None:
    asked = [{"name": "region", "value": "eu' OR 'a'='a"}]
    assert rows(warehouse, "SELECT id FROM sales WHERE region = :region", Parameters=asked) == []
    asked = [{"name": "least", "value": "6"}]
    assert rows(warehouse, "SELECT id FROM sales WHERE amount > :least", Parameters=asked) == [[1]]


def test_more_rows_than_a_page(warehouse: LocalAws) -> None:
    done(warehouse, "CREATE TABLE many AS SELECT generate_series AS n FROM generate_series(1, 2500)")
    assert rows(warehouse, "SELECT n FROM many ORDER BY n") == [[n] for n in range(1, 2501)]


def test_keys_are_shown(warehouse: LocalAws) -> None:
    found = rows(
        warehouse,
        'SELECT "schema", diststyle, sortkey1, tbl_rows FROM svv_table_info WHERE "table" = \'sales\'',
    )
    assert found == [["public", "KEY(region)", "sold", 2]]
    shown = rows(warehouse, "SELECT \"column\", distkey, sortkey FROM pg_table_def WHERE tablename = 'sales'")
    assert ["region", True, 0] in shown
    assert ["sold", False, 1] in shown


def test_errors_say_what_is_wrong(warehouse: LocalAws) -> None:
    found = run(warehouse, "SELECT * FROM nowhere")
    assert found["Status"] == "FAILED"
    assert found["Error"] == 'ERROR: relation "nowhere" does not exist'
    assert run(warehouse, "SELECT size FROM sales")["Error"] == 'ERROR: column "size" does not exist'
    with pytest.raises(ClientError) as caught:
        warehouse.client("redshift-data").get_statement_result(Id=found["Id"])
    assert code_of(caught) == "ValidationException"
    for sql in ("SELECT FROM WHERE", "CREATE DATABASE other", "CREATE EXTERNAL SCHEMA s FROM DATA CATALOG"):
        assert run(warehouse, sql)["Status"] == "FAILED"


def test_the_machine_is_out_of_reach(warehouse: LocalAws) -> None:
    for sql in (
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY sales TO '/tmp/stolen.csv'",
        "ATTACH '/tmp/other.duckdb'",
        "INSTALL httpfs",
        "SELECT * FROM localaws.done",
        "DROP SCHEMA localaws CASCADE",
    ):
        assert run(warehouse, sql)["Status"] == "FAILED", sql
    assert not Path("/tmp/stolen.csv").exists()


def test_a_batch_is_one_transaction(warehouse: LocalAws) -> None:
    data = warehouse.client("redshift-data")
    place = {"ClusterIdentifier": NAME, "Database": "dev", "DbUser": "boss"}
    done(warehouse, "CREATE TABLE steps (n INT)")
    bad = data.batch_execute_statement(
        Sqls=["INSERT INTO steps VALUES (1)", "INSERT INTO nowhere VALUES (1)"], **place
    )
    assert ended(warehouse, bad["Id"])["Status"] == "FAILED"
    assert rows(warehouse, "SELECT n FROM steps") == []
    good = data.batch_execute_statement(
        Sqls=["INSERT INTO steps VALUES (1)", "SELECT n + 1 FROM steps"], **place
    )
    parts = ended(warehouse, good["Id"])["SubStatements"]
    assert [part["HasResultSet"] for part in parts] == [False, True]
    assert data.get_statement_result(Id=parts[1]["Id"])["Records"] == [[{"longValue": 2}]]
    with pytest.raises(ClientError) as caught:
        data.execute_statement(Sql="SELECT 1; SELECT 2", **place)
    assert code_of(caught) == "ValidationException"


def test_a_long_statement_is_cancelled(warehouse: LocalAws) -> None:
    data = warehouse.client("redshift-data")
    sql = "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b WHERE a + b > 7"
    asked = data.execute_statement(Sql=sql, ClusterIdentifier=NAME, Database="dev", DbUser="boss")["Id"]
    eventually(lambda: data.describe_statement(Id=asked)["Status"] == "STARTED")
    assert data.list_tables(ClusterIdentifier=NAME, Database="dev", DbUser="boss")["Tables"]
    assert data.cancel_statement(Id=asked)["Status"] is True
    assert ended(warehouse, asked)["Status"] == "ABORTED"


def test_listings(warehouse: LocalAws) -> None:
    data = warehouse.client("redshift-data")
    place = {"ClusterIdentifier": NAME, "Database": "dev", "DbUser": "boss"}
    done(warehouse, "CREATE SCHEMA IF NOT EXISTS staging")
    assert data.list_databases(**place)["Databases"] == ["dev"]
    assert data.list_schemas(**place)["Schemas"] == ["public", "staging"]
    tables = data.list_tables(**place, SchemaPattern="public", TablePattern="sal%")["Tables"]
    assert tables == [{"name": "sales", "schema": "public", "type": "TABLE"}]
    columns = data.describe_table(**place, Schema="public", Table="sales")["ColumnList"]
    assert [(column["name"], column["typeName"]) for column in columns] == [
        ("id", "int4"),
        ("region", "varchar"),
        ("amount", "numeric"),
        ("sold", "date"),
    ]


def test_copy_and_unload(warehouse: LocalAws) -> None:
    s3 = warehouse.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="in/1.csv", Body=b'id,name\n1,"Anna, B."\n2,Ben\n')
    s3.put_object(Bucket="lake", Key="in/2.csv", Body=b"id,name\n3,Cleo\n")
    done(warehouse, "CREATE TABLE people (id INT, name VARCHAR(50))")
    copied = done(warehouse, "COPY people FROM 's3://lake/in/' IAM_ROLE default CSV IGNOREHEADER 1")
    assert copied["ResultRows"] == 3
    assert rows(warehouse, "SELECT name FROM people ORDER BY id") == [["Anna, B."], ["Ben"], ["Cleo"]]
    for kind in ("PARQUET", "JSON", "CSV"):
        out = kind.lower()
        done(
            warehouse, f"UNLOAD ('SELECT * FROM people') TO 's3://lake/{out}/' IAM_ROLE default FORMAT {kind}"
        )
        done(warehouse, f"CREATE TABLE from_{out} (id INT, name VARCHAR(50))")
        how = "JSON 'auto'" if kind == "JSON" else f"FORMAT AS {kind}"
        done(warehouse, f"COPY from_{out} FROM 's3://lake/{out}/' IAM_ROLE default {how}")
        assert rows(warehouse, f"SELECT id, name FROM from_{out} ORDER BY id")[2] == [3, "Cleo"]
    again = run(warehouse, "UNLOAD ('SELECT 1') TO 's3://lake/csv/' IAM_ROLE default CSV")
    assert "not empty" in again["Error"]
    assert "IAM_ROLE" in run(warehouse, "COPY people FROM 's3://lake/in/' CSV")["Error"]
    assert "does not exist" in run(warehouse, "COPY people FROM 's3://lake/none' IAM_ROLE default")["Error"]
    s3.put_object(Bucket="lake", Key="bad.csv", Body=b"one,Anna\n")
    assert run(warehouse, "COPY people FROM 's3://lake/bad.csv' IAM_ROLE default CSV")["Status"] == "FAILED"
    assert rows(warehouse, "SELECT count(*) FROM people") == [[3]]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"ClusterIdentifier": "none", "DbUser": "boss"}, "ValidationException"),
        ({"ClusterIdentifier": NAME}, "ValidationException"),
        ({"WorkgroupName": "serverless"}, "ValidationException"),
    ],
)
def test_calls_that_cannot_be(warehouse: LocalAws, asked: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        warehouse.client("redshift-data").execute_statement(Sql="SELECT 1", Database="dev", **asked)
    assert code_of(caught) == code


def test_there_is_no_endpoint_and_no_snapshot(warehouse: LocalAws) -> None:
    assert "Endpoint" not in cluster(warehouse)
    with pytest.raises(ClientError) as caught:
        warehouse.client("redshift").create_cluster_snapshot(SnapshotIdentifier="s", ClusterIdentifier=NAME)
    assert code_of(caught) == "UnsupportedOperation"


def test_pause_and_resume(aws: LocalAws) -> None:
    folder, redshift = aws.state / "redshift", aws.client("redshift")
    before = set(folder.iterdir())
    make(aws, "resting")
    done(aws, "CREATE TABLE t AS SELECT 7 AS n", name="resting")
    redshift.pause_cluster(ClusterIdentifier="resting")
    with pytest.raises(ClientError) as caught:
        aws.client("redshift-data").execute_statement(
            Sql="SELECT 1", ClusterIdentifier="resting", Database="dev", DbUser="boss"
        )
    assert "paused" in str(caught.value)
    redshift.resume_cluster(ClusterIdentifier="resting")
    eventually(lambda: status(aws, "resting") == "available")
    assert rows(aws, "SELECT n FROM t", name="resting") == [[7]]
    redshift.delete_cluster(ClusterIdentifier="resting", SkipFinalClusterSnapshot=True)
    eventually(lambda: set(folder.iterdir()) == before)


def test_statements_run_once_whatever_is_killed(own_aws: LocalAws) -> None:
    own_aws.start()
    make(own_aws)
    done(own_aws, "CREATE TABLE t (n INT)")
    ids: list[str] = []
    data = own_aws.client("redshift-data")
    killer = threading.Timer(0.4, os.kill, (own_aws.status()["pid"], signal.SIGKILL))
    killer.start()
    try:
        for number in range(500):
            sql = f"INSERT INTO t VALUES ({number})"
            place = {"ClusterIdentifier": NAME, "Database": "dev", "DbUser": "boss"}
            ids.append(data.execute_statement(Sql=sql, **place)["Id"])
    except Exception:
        killer.join()
    own_aws.start()
    assert ids
    assert {ended(own_aws, each)["Status"] for each in ids} == {"FINISHED"}
    found = [n for (n,) in rows(own_aws, "SELECT n FROM t ORDER BY n")]
    assert found[: len(ids)] == list(range(len(ids)))
    # the last call may have been taken without its answer having arrived
    assert len(found) <= len(ids) + 1
