"""From MariaDB behind RDS to PostgreSQL: a full load with the types that DMS makes of MySQL's."""

from __future__ import annotations

import contextlib
from typing import Any

import pymysql
import pytest
from botocore.exceptions import ClientError

from localaws.engines.mariaprograms import find_mariadb

from . import fix_rds
from .conftest import code_of
from .fix_dms import PASSWORD, Scene, mappings, scene  # noqa: F401 - a fixture

pytestmark = pytest.mark.engine

TABLE = """
create table shop.everything (
    id int unsigned auto_increment primary key, tiny tinyint(1), small smallint unsigned,
    big bigint unsigned,
    price decimal(10, 2), ratio double, flag bit(1), name varchar(40) not null, body longtext,
    kind enum('a', 'b'), made datetime(3), stamp timestamp null, day date, clock time,
    data varbinary(20),
    doc json, made_up int generated always as (tiny + 1) stored, key (name))
    default charset utf8mb4
"""


@pytest.fixture(scope="module")
def source(scene: Scene) -> str:  # noqa: F811
    """A MariaDB instance with a table of all kinds; its endpoint."""
    if find_mariadb() is None:
        pytest.skip("no MariaDB on this machine")
    rds = scene.aws.client("rds")
    ec2 = scene.aws.client("ec2")
    ec2.authorize_security_group_ingress(
        GroupId=scene.network.security_group,
        IpProtocol="tcp",
        FromPort=3306,
        ToPort=3306,
        CidrIp="0.0.0.0/0",
    )
    rds.create_db_instance(**scene.network.request("old", Engine="mariadb", DBName="shop"))
    end = fix_rds.available(rds, "old")["Endpoint"]
    connection = pymysql.connect(
        host=end["Address"],
        port=end["Port"],
        user="shop",
        password=PASSWORD,
        ssl={"ca": str(scene.aws.state / "ca" / "bundle.pem")},
        autocommit=True,
        charset="utf8mb4",
        database="shop",
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.execute("create table shop.lines (n int, t text)")
        cursor.execute(
            "insert into shop.everything (tiny, small, big, price, ratio, flag, name, body, kind, made, "
            "stamp, day, clock, data, doc) values (1, 65535, 18446744073709551615, -12.34, 0.1, b'1', "
            "'Gr\u00fc\u00dfe \u2603', 'tab\\tline\\nback\\\\slash', 'b', '2026-01-02 03:04:05.678', "
            "'2026-01-02 03:04:05', '2026-02-28', '-12:30:00', x'00ff27', '{\"a\": [1, null]}')"
        )
        cursor.execute("insert into shop.everything (name) values ('')")
        cursor.execute("insert into shop.lines select seq, repeat('x', seq % 50) from seq_1_to_5000")
    arn = scene.endpoint(
        "source",
        "mariadb",
        "mariadb",
        ServerName=end["Address"],
        Port=end["Port"],
        Username="shop",
        Password=PASSWORD,
        SslMode="verify-full",
    )
    scene.test(arn)
    return arn


def test_full_load(scene: Scene, source: str) -> None:  # noqa: F811
    arn = scene.create("mysql", "full-load", mappings(("shop", "%")), SourceEndpointArn=source)
    ended = scene.run(arn)
    assert ended["StopReason"] == "Stop Reason FULL_LOAD_ONLY_FINISHED", ended
    assert scene.statistics(arn, "lines")["FullLoadRows"] == 5000
    assert scene.rows("target", "select count(*), sum(n), sum(length(t)) from shop.lines") == [
        (5000, 12502500, 122500)
    ]
    query = (
        "select id, tiny, small, big::text, price::text, ratio, flag, name, body, kind, made::text, "
        "stamp::text, day::text, clock, data, doc::json from shop.everything order by id"
    )
    full, empty = scene.rows("target", query)
    assert full[:9] == (
        1, 1, 65535, "18446744073709551615", "-12.34", 0.1, True, "Gr\u00fc\u00dfe \u2603",
        "tab\tline\nback\\slash",
    )  # fmt: skip
    assert full[9:] == (
        "b", "2026-01-02 03:04:05.678", "2026-01-02 03:04:05", "2026-02-28", "-12:30:00", b"\x00\xff'",
        {"a": [1, None]},
    )  # fmt: skip
    assert empty == (2, *[None] * 6, "", *[None] * 8)
    types: Any = dict(
        scene.rows(
            "target",
            "select attname, format_type(atttypid, atttypmod) from pg_attribute "
            "where attrelid = 'shop.everything'::regclass and attnum > 0",
        )
    )
    assert types["id"] == "bigint"
    assert types["name"] == "character varying(40)"
    assert types["made"] == "timestamp(3) without time zone"
    assert "made_up" not in types
    scene.delete(arn)


def test_changes_are_refused(scene: Scene, source: str) -> None:  # noqa: F811
    with pytest.raises(ClientError) as caught:
        scene.create("mysql-cdc", "full-load-and-cdc", SourceEndpointArn=source)
    assert code_of(caught) == "UnsupportedOperation"


def test_schemas(scene: Scene, source: str) -> None:  # noqa: F811
    scene.dms.refresh_schemas(EndpointArn=source, ReplicationInstanceArn=scene.instance)
    scene.until(
        lambda: scene.dms.describe_refresh_schemas_status(EndpointArn=source)["RefreshSchemasStatus"][
            "Status"
        ],
        lambda status: status == "successful",
    )
    assert scene.dms.describe_schemas(EndpointArn=source)["Schemas"] == ["shop"]
