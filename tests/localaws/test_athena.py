"""Athena: what queries answer, what they scan, and how they fail."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest
from botocore.exceptions import ClientError

from tests.localaws.conftest import LocalAws, code_of, eventually
from tests.localaws.fix_athena import Lake

PEOPLE = b'id,name,price,seen\n1,ann,1.5,2026-01-01 10:00:00\n2,"bob, jr",2.5,2026-01-02 00:00:00\nx,,,\n'
DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")


@pytest.fixture(scope="module")
def lake(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(aws)
    made.prepare()
    made.put("people/a.csv", PEOPLE)
    made.rows(
        """CREATE EXTERNAL TABLE IF NOT EXISTS people (id int, `name` string COMMENT 'who', price double,
        seen timestamp) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
        WITH SERDEPROPERTIES ('separatorChar' = ',', 'quoteChar' = '"') STORED AS TEXTFILE
        LOCATION 's3://lake/people/' TBLPROPERTIES ('skip.header.line.count' = '1')"""
    )
    folder = tmp_path_factory.mktemp("parquet")
    for day in DAYS:
        sql = "SELECT range AS id, 'name ' || range AS who, range * 1.5 AS amount FROM range(5000)"
        made.parquet(f"sales/dt={day}/x.parquet", sql, folder)
    made.rows(
        "CREATE EXTERNAL TABLE sales (id bigint, who string, amount double) PARTITIONED BY (dt string) "
        "STORED AS PARQUET LOCATION 's3://lake/sales/'"
    )
    assert made.rows("SELECT count(*) FROM sales") == [["_col0"], ["0"]]
    made.rows("MSCK REPAIR TABLE sales")
    return made


def test_csv_with_types_quotes_and_what_cannot_be_read(lake: Lake) -> None:
    assert lake.rows("SELECT * FROM people") == [
        ["id", "name", "price", "seen"],
        ["1", "ann", "1.5", "2026-01-01 10:00:00.000"],
        ["2", "bob, jr", "2.5", "2026-01-02 00:00:00.000"],
        [None, "", None, None],
    ]


def test_the_result_is_an_object_in_the_output_location(lake: Lake) -> None:
    ended = lake.ended("SELECT name, price FROM people WHERE id = 2")
    place = ended["ResultConfiguration"]["OutputLocation"]
    assert place == f"s3://lake/results/{ended['QueryExecutionId']}.csv"
    key = place.removeprefix("s3://lake/")
    assert lake.s3.get_object(Bucket="lake", Key=key)["Body"].read() == b'"name","price"\n"bob, jr","2.5"\n'
    assert f"{key}.metadata" in lake.keys("results/")
    assert ended["StatementType"] == "DML"
    assert ended["Statistics"]["DataScannedInBytes"] == len(PEOPLE)
    columns = lake.athena.get_query_results(QueryExecutionId=ended["QueryExecutionId"])["ResultSet"]
    described = columns["ResultSetMetadata"]["ColumnInfo"]
    assert [(each["Name"], each["Type"]) for each in described] == [("name", "varchar"), ("price", "double")]


def test_pages_of_results(lake: Lake) -> None:
    name = lake.ended("SELECT id, 'a\"\n' || id FROM sales WHERE dt = '2026-01-01' AND id < 5 ORDER BY id")[
        "QueryExecutionId"
    ]
    rows, token = [], None
    while True:
        page = lake.athena.get_query_results(
            QueryExecutionId=name, MaxResults=2, **({"NextToken": token} if token else {})
        )
        rows += [each["Data"][1]["VarCharValue"] for each in page["ResultSet"]["Rows"]]
        token = page.get("NextToken")
        if token is None:
            break
    assert rows == ["_col1", *(f'a"\n{number}' for number in range(5))]


def test_trinos_sql(lake: Lake) -> None:
    sql = """
        SELECT 5 / 2, date_trunc('month', TIMESTAMP '2026-02-17 10:00:00'),
            date_format(TIMESTAMP '2026-02-17 10:00:00', '%Y/%m'),
            CAST(ROW(1, 'a') AS ROW(x INTEGER, y VARCHAR)), ARRAY[1, 2], MAP(ARRAY['k'], ARRAY[1]),
            element_at(ARRAY[7], 1), json_extract_scalar('{"a": {"b": "c"}}', '$.a.b'),
            approx_distinct(id), regexp_like('lake', '^l'), CAST(NULL AS varchar), TRUE,
            CAST('1.10' AS decimal(10, 2)),
            date_diff('day', DATE '2026-01-01', DATE '2026-02-01'), cardinality(split('a,b,c', ','))
        FROM people"""
    assert lake.rows(sql)[1] == [
        "2", "2026-02-01 00:00:00.000", "2026/02", "{x=1, y=a}", "[1, 2]", "{k=1}", "7", "c",
        "2", "true", None, "true", "1.10", "31", "3",
    ]  # fmt: skip


def test_days_and_months_added_to_a_date_are_a_date(lake: Lake) -> None:
    sql = """
        SELECT DATE '2026-01-31' + INTERVAL '1' DAY, date_add('month', -1, DATE '2026-03-31'),
            date_trunc('month', CAST('2026-02-17' AS date)), date(dt) - INTERVAL '1' YEAR,
            CAST(DATE '2026-03-01' - INTERVAL '1' DAY AS varchar),
            TIMESTAMP '2026-01-01 00:00:00' + INTERVAL '1' DAY
        FROM sales WHERE dt = CAST(DATE '2026-01-03' - INTERVAL '1' DAY AS varchar) LIMIT 1"""
    assert lake.rows(sql)[1] == [
        "2026-02-01", "2026-02-28", "2026-02-01", "2025-01-02", "2026-02-28", "2026-01-02 00:00:00.000",
    ]  # fmt: skip


def test_formats(lake: Lake) -> None:
    sql = """
        SELECT format('%,.2f is %s of %d%%', 1234.5, 1, 7),
            format_datetime(TIMESTAMP '2026-02-17 15:04:05', 'yyyy-MM-dd''T''HH:mm:ss'),
            format_datetime(TIMESTAMP '2026-02-17 15:04:05', 'EEE d MMM, h a'),
            parse_datetime('17/02/2026', 'dd/MM/yyyy')"""
    assert lake.rows(sql)[1] == [
        "1,234.50 is 1 of 7%", "2026-02-17T15:04:05", "Tue 17 Feb, 3 PM", "2026-02-17 00:00:00.000",
    ]  # fmt: skip
    assert lake.reason("SELECT format('%d')").startswith("GENERIC_USER_ERROR: format:")
    assert lake.reason("SELECT format_datetime(now(), 'qq')").startswith("INVALID_FUNCTION_ARGUMENT: 'qq'")


def test_joins_subqueries_and_common_table_expressions(lake: Lake) -> None:
    sql = """
        WITH big AS (SELECT id, amount FROM shop.sales WHERE dt = '2026-01-02')
        SELECT p.name, b.amount, row_number() OVER (ORDER BY b.amount DESC)
        FROM people p JOIN big b ON p.id = b.id WHERE p.id IN (SELECT id FROM awsdatacatalog.shop.people)
        ORDER BY 2 DESC LIMIT 1"""
    assert lake.rows(sql) == [["name", "amount", "_col2"], ["bob, jr", "3.0", "1"]]


def test_json_with_compression_nesting_and_other_spelling(lake: Lake) -> None:
    body = gzip.compress(b'{"userId": 1, "tags": ["a", "b"], "o": {"k": 1}}\n{"userId": 2, "o": null}\n')
    size = lake.put("json/a.json.gz", body)
    lake.rows(
        "CREATE EXTERNAL TABLE clicks (userid bigint, tags array<string>, o struct<k:int>) "
        "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://lake/json/'"
    )
    assert lake.rows("SELECT userid, tags, o.k, o FROM clicks ORDER BY 1")[1:] == [
        ["1", "[a, b]", "1", "{k=1}"],
        ["2", None, None, None],
    ]
    assert lake.rows("SELECT t FROM clicks CROSS JOIN UNNEST(tags) AS x (t)") == [["t"], ["a"], ["b"]]
    assert lake.scanned("SELECT count(*) FROM clicks WHERE userid > 1") == size


def test_delimited_text(lake: Lake) -> None:
    lake.put("text/a", b"1\tone\n2\t\\N\n\n3\n")
    lake.put("text/_ignored", b"9\tnine\n")
    lake.rows(
        "CREATE EXTERNAL TABLE words (n int, w string) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' "
        "LINES TERMINATED BY '\\n' LOCATION 's3://lake/text/'"
    )
    assert lake.rows("SELECT * FROM words WHERE n IS NOT NULL ORDER BY n")[1:] == [
        ["1", "one"],
        ["2", None],
        ["3", None],
    ]


def column_bytes(folder: Path, lake: Lake, *names: str) -> int:
    total = 0
    for key in lake.keys("sales/dt=2026-01-0"):
        file = folder / "back.parquet"
        lake.s3.download_file("lake", key, str(file))
        wanted = ", ".join(f"'{name}'" for name in names)
        row = duckdb.execute(
            f"SELECT sum(total_compressed_size) FROM parquet_metadata($1) WHERE path_in_schema IN ({wanted})",
            [str(file)],
        ).fetchone()
        total += row[0] if row else 0
    return int(total)


def test_of_parquet_only_the_columns_that_are_read_count(lake: Lake, tmp_path: Path) -> None:
    assert lake.scanned("SELECT sum(amount) FROM sales") == column_bytes(tmp_path, lake, "amount")
    both = column_bytes(tmp_path, lake, "amount", "id")
    assert lake.scanned("SELECT sum(amount) FROM sales WHERE id % 7 = 1") == both
    assert lake.scanned("SELECT count(*) FROM sales") == 0


def test_partitions_that_are_not_needed_are_not_read(lake: Lake) -> None:
    everything = lake.scanned("SELECT max(amount) FROM sales")
    one = lake.scanned("SELECT max(amount) FROM sales WHERE dt = '2026-01-02'")
    assert 0 < one * 2 < everything
    through = (
        "WITH x AS (SELECT * FROM sales) "
        "SELECT max(amount) FROM x JOIN people USING (id) WHERE dt > '2026-01-02'"
    )
    assert lake.scanned(through) - len(PEOPLE) < everything
    for converted in (
        "CAST(dt AS date) = DATE '2026-01-02'",
        "date(dt) BETWEEN DATE '2026-01-02' AND DATE '2026-01-02'",
        "date_parse(dt, '%Y-%m-%d') = TIMESTAMP '2026-01-02 00:00:00'",
        "substr(dt, 9) = '02'",
    ):
        assert lake.scanned(f"SELECT max(amount) FROM sales WHERE {converted}") == one
    # nobody opens what the query does not need
    lake.put("sales/dt=2026-01-04/broken.parquet", b"this is no Parquet")
    lake.rows("ALTER TABLE sales ADD IF NOT EXISTS PARTITION (dt = '2026-01-04')")
    assert lake.rows("SELECT count(*) FROM sales WHERE dt < '2026-01-03'")[1] == ["10000"]
    assert "HIVE_" in lake.reason("SELECT max(amount) FROM sales WHERE dt = '2026-01-04'")
    lake.rows("ALTER TABLE sales DROP PARTITION (dt = '2026-01-04')")
    lake.s3.delete_object(Bucket="lake", Key="sales/dt=2026-01-04/broken.parquet")


def test_partition_projection(lake: Lake) -> None:
    for year, region in ((2025, "eu"), (2026, "us")):
        lake.put(f"projected/{region}/{year}/a.csv", f"{year}\n".encode())
    lake.rows(
        """CREATE EXTERNAL TABLE projected (n int) PARTITIONED BY (year int, region string, day string)
        ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://lake/projected/' TBLPROPERTIES (
        'projection.enabled' = 'true',
        'projection.year.type' = 'integer', 'projection.year.range' = '2020,2030',
        'projection.region.type' = 'enum', 'projection.region.values' = 'eu,us',
        'projection.day.type' = 'date', 'projection.day.format' = 'yyyy-MM-dd',
        'projection.day.range' = '2026-01-01,2026-01-01',
        'storage.location.template' = 's3://lake/projected/${region}/${year}/')"""
    )
    assert lake.rows("SELECT * FROM projected WHERE region = 'us'")[1:] == [
        ["2026", "2026", "us", "2026-01-01"]
    ]
    assert lake.scanned("SELECT * FROM projected WHERE year > 2027") == 0


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nope FROM people", "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"),
        ("SELECT 1\nFROM nope", "TABLE_NOT_FOUND: line 2:6: Table 'awsdatacatalog.shop.nope' does not exist"),
        ("SELECT 1 FROM other.people", "SCHEMA_NOT_FOUND: line 1:15: Schema 'other' does not exist"),
        ("SELECT foo(id) FROM people", "FUNCTION_NOT_FOUND: line 1:8: Function 'foo' not registered"),
        ("SELECT name, count(*) FROM people", "EXPRESSION_NOT_AGGREGATE: line 1:8: 'name' must be"),
        ("SELECT CAST('x' AS integer)", "INVALID_CAST_ARGUMENT: "),
        ("SELECT FROM WHERE", "SYNTAX_ERROR: line 1:"),
        ("DROP TABLE nope", "FAILED: SemanticException [Error 10001]: Table not found nope"),
        ("SELECT id::varchar FROM people", "SYNTAX_ERROR: line 1:10: mismatched input '::'"),
        ("SELECT id FROM people WHERE name ILIKE 'a%'", "SYNTAX_ERROR: line 1:34: mismatched input 'ILIKE'"),
        ("SELECT id FROM people LIMIT 2 OFFSET 1", "SYNTAX_ERROR: line 1:31: mismatched input 'OFFSET'"),
        ("CREATE EXTERNAL TABLE t (a int)", "FAILED: SemanticException [Error 10017]: LOCATION"),
        (
            "CREATE EXTERNAL TABLE t (a int) STORED AS ORC LOCATION 's3://lake/orc/'",
            "NOT_SUPPORTED: STORED AS ORC is not available",
        ),
        (
            "SHOW PARTITIONS people",
            "FAILED: SemanticException [Error 10241]: Table people is not a partitioned",
        ),
    ],
)
def test_queries_that_fail(lake: Lake, sql: str, reason: str) -> None:
    assert lake.reason(sql).startswith(reason)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM duckdb_settings()",
        "SELECT (SELECT content FROM read_text('/etc/passwd'))",
        "INSERT INTO people SELECT * FROM read_csv('/etc/passwd')",
    ],
)
def test_no_query_reaches_the_machine(lake: Lake, sql: str) -> None:
    assert lake.reason(sql)


@pytest.mark.parametrize(
    "sql",
    ["COPY people TO '/tmp/x'", "ATTACH '/tmp/x'", "PRAGMA version", "SELEC 1", " ", "SELECT ';'; SELECT 2"],
)
def test_what_is_no_statement_is_refused_at_once(lake: Lake, sql: str) -> None:
    with pytest.raises(ClientError) as caught:
        lake.start(sql)
    assert code_of(caught) == "InvalidRequestException"


def test_a_semicolon_at_the_end_or_in_a_text_does_not_matter(lake: Lake) -> None:
    assert lake.rows("SELECT 'it''s; ' AS x -- no; more\n; ;") == [["x"], ["it's; "]]


def test_without_an_output_location_or_its_bucket(lake: Lake) -> None:
    for given in ({}, {"OutputLocation": "s3://nobodys-bucket/"}, {"OutputLocation": "lake"}):
        with pytest.raises(ClientError) as caught:
            lake.start("SELECT 1", ResultConfiguration=given)
        assert code_of(caught) == "InvalidRequestException"


def test_a_workgroup_decides_about_results_and_bytes(lake: Lake, tmp_path: Path) -> None:
    lake.athena.create_work_group(
        Name="careful",
        Configuration={
            "ResultConfiguration": {"OutputLocation": "s3://lake/careful/"},
            "EnforceWorkGroupConfiguration": True,
            "BytesScannedCutoffPerQuery": 10_000_000,
        },
    )
    lake.parquet("big/a.parquet", "SELECT uuid()::VARCHAR AS word, range AS id FROM range(1000000)", tmp_path)
    lake.rows(
        "CREATE EXTERNAL TABLE big (word string, id bigint) STORED AS PARQUET LOCATION 's3://lake/big/'"
    )
    ended = lake.ended("SELECT max(lower(word)) FROM big", WorkGroup="careful")
    assert ended["Status"]["State"] == "CANCELLED"
    assert "Bytes scanned limit was exceeded" in ended["Status"]["StateChangeReason"]
    assert ended["Statistics"]["DataScannedInBytes"] == 10_000_000
    ended = lake.ended("SELECT sum(id) FROM big", WorkGroup="careful")
    assert ended["Status"]["State"] == "SUCCEEDED"
    assert ended["ResultConfiguration"]["OutputLocation"].startswith("s3://lake/careful/")
    lake.athena.update_work_group(
        WorkGroup="careful", ConfigurationUpdates={"RemoveBytesScannedCutoffPerQuery": True}
    )
    assert lake.scanned("SELECT max(lower(word)) FROM big", WorkGroup="careful") > 10_000_000
    lake.athena.update_work_group(WorkGroup="careful", State="DISABLED")
    with pytest.raises(ClientError):
        lake.start("SELECT 1", WorkGroup="careful")
    with pytest.raises(ClientError):
        lake.athena.delete_work_group(WorkGroup="careful")
    lake.athena.delete_work_group(WorkGroup="careful", RecursiveDeleteOption=True)


def test_a_query_that_is_stopped(lake: Lake) -> None:
    sql = "SELECT count(*) FROM sales a CROSS JOIN sales b CROSS JOIN sales c WHERE a.id + b.id + c.id = 17"
    name = lake.start(sql)
    eventually(lambda: lake.described(name)["Status"]["State"] == "RUNNING")
    lake.athena.stop_query_execution(QueryExecutionId=name)
    assert lake.described(name)["Status"]["State"] == "CANCELLED"
    with pytest.raises(ClientError) as caught:
        lake.results(name)
    assert code_of(caught) == "InvalidRequestException"
    eventually(lambda: not (lake.aws.state / "athena" / name).exists())


def test_the_same_token_is_the_same_query(lake: Lake) -> None:
    token = "t" * 32
    first = lake.start("SELECT 1", ClientRequestToken=token)
    assert lake.start("SELECT 1", ClientRequestToken=token) == first
    with pytest.raises(ClientError):
        lake.start("SELECT 2", ClientRequestToken=token)


def test_parameters_and_prepared_statements(lake: Lake) -> None:
    sql = "SELECT name FROM people WHERE id = ? AND name LIKE ?"
    assert lake.rows(sql, ExecutionParameters=["2", "'bob%'"]) == [["name"], ["bob, jr"]]
    assert lake.reason(sql, ExecutionParameters=["2"]).startswith("INVALID_PARAMETER_USAGE")
    lake.athena.create_prepared_statement(StatementName="by_id", WorkGroup="primary", QueryStatement=sql)
    assert lake.rows("EXECUTE by_id USING 1, 'a%'") == [["name"], ["ann"]]
    assert lake.rows("EXECUTE by_id", ExecutionParameters=["1", "'a%'"]) == [["name"], ["ann"]]
    listed = lake.athena.list_prepared_statements(WorkGroup="primary")["PreparedStatements"]
    assert [each["StatementName"] for each in listed] == ["by_id"]
    lake.athena.delete_prepared_statement(StatementName="by_id", WorkGroup="primary")
    with pytest.raises(ClientError):
        lake.start("EXECUTE by_id USING 1, 'a%'")


def test_saved_queries(lake: Lake) -> None:
    name = lake.athena.create_named_query(Name="all", Database="shop", QueryString="SELECT 1")["NamedQueryId"]
    lake.athena.update_named_query(NamedQueryId=name, Name="one", QueryString="SELECT 2")
    found = lake.athena.batch_get_named_query(NamedQueryIds=[name, "other"])
    assert [each["Name"] for each in found["NamedQueries"]] == ["one"]
    assert len(found["UnprocessedNamedQueryIds"]) == 1
    lake.athena.delete_named_query(NamedQueryId=name)
    with pytest.raises(ClientError) as caught:
        lake.athena.get_named_query(NamedQueryId=name)
    assert code_of(caught) == "InvalidRequestException"


def test_what_the_catalog_shows(lake: Lake) -> None:
    assert ["people"] in lake.rows("SHOW TABLES IN shop")
    assert lake.rows("SHOW PARTITIONS sales") == [[f"dt={day}"] for day in DAYS]
    assert lake.rows("SHOW COLUMNS IN people") == [["id"], ["name"], ["price"], ["seen"]]
    assert lake.rows("DESCRIBE sales")[0][0] == f"{'id':<20}\t{'bigint':<20}\t{'':<20}"
    [statement] = ["\n".join(str(row[0]) for row in lake.rows("SHOW CREATE TABLE sales"))]
    lake.rows(statement.replace("`sales`", "`sales_again`"))
    assert lake.rows("SELECT count(*) FROM information_schema.columns WHERE table_name = 'sales_again'")[
        1
    ] == ["4"]
    lake.rows("DROP TABLE sales_again")
    found = lake.athena.get_table_metadata(
        CatalogName="AwsDataCatalog", DatabaseName="shop", TableName="sales"
    )
    assert found["TableMetadata"]["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]
    [own] = lake.athena.list_data_catalogs()["DataCatalogsSummary"]
    assert own["CatalogName"] == "AwsDataCatalog"
    listed = lake.athena.list_databases(CatalogName="AwsDataCatalog")["DatabaseList"]
    assert [each["Name"] for each in listed] == ["default", "shop"]
    assert [row[0] for row in lake.rows('SELECT * FROM "sales$partitions"')] == ["dt", *DAYS]


def test_views(lake: Lake) -> None:
    lake.rows("CREATE VIEW cheap AS SELECT id, name, price * 2 AS twice FROM people WHERE price < 2")
    lake.rows("CREATE OR REPLACE VIEW names AS SELECT name FROM cheap")
    assert lake.rows("SELECT * FROM names n JOIN cheap USING (name)") == [
        ["name", "id", "twice"],
        ["ann", "1", "3.0"],
    ]
    assert lake.reason("CREATE VIEW names AS SELECT 1 AS x").startswith("VIEW_ALREADY_EXISTS")
    assert lake.rows("SHOW VIEWS IN shop") == [["cheap"], ["names"]]
    lake.rows("DROP VIEW names")
    assert lake.reason("SELECT * FROM names").startswith("TABLE_NOT_FOUND")
