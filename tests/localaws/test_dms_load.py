"""Full load: what arrives and what does not, mappings, preparation of tables, validation, failures."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from . import fix_rds
from .conftest import code_of
from .fix_dms import PASSWORD, Scene, mappings, scene  # noqa: F401 - a fixture

pytestmark = pytest.mark.engine


def rule(number: int, target: str, action: str, **more: Any) -> dict[str, Any]:
    locator = {"schema-name": "shape", "table-name": more.pop("table", "%")}
    if "column" in more:
        locator["column-name"] = more.pop("column")
    return {
        "rule-type": "transformation",
        "rule-id": str(number),
        "rule-name": str(number),
        "rule-target": target,
        "rule-action": action,
        "object-locator": locator,
        **more,
    }


def load(scene: Scene, name: str, *included: tuple[str, str], **asked: Any) -> str:  # noqa: F811
    """Run a full load to its end."""
    arn = scene.create(name, "full-load", mappings(*included, more=asked.pop("more", None)), **asked)
    ended = scene.run(arn)
    assert ended["Status"] == "stopped", ended
    assert ended["StopReason"] == "Stop Reason FULL_LOAD_ONLY_FINISHED"
    return arn


def test_what_is_moved(scene: Scene) -> None:  # noqa: F811
    """Tables and primary keys are; indexes, foreign keys, defaults and sequences are not."""
    scene.do(
        "source",
        "create schema shop",
        "create type shop.mood as enum ('sad', 'glad')",
        "create table shop.customer (id serial primary key, name text not null default 'nobody', "
        "mood shop.mood)",
        "create table shop.purchase (id bigint generated always as identity primary key, "
        "customer int references shop.customer, cents int, total int generated always as (cents * 2) stored)",
        "create index on shop.purchase (customer)",
        "create view shop.seen as select * from shop.customer",
        "insert into shop.customer (name, mood) select 'c' || i, 'glad' from generate_series(1, 300) i",
        "insert into shop.purchase (customer, cents) select 1 + i % 300, i from generate_series(1, 2000) i",
    )
    arn = load(scene, "moved", ("shop", "%"))
    stats = scene.task(arn)["ReplicationTaskStats"]
    assert (stats["TablesLoaded"], stats["TablesErrored"], stats["FullLoadProgressPercent"]) == (2, 0, 100)
    assert scene.statistics(arn, "purchase")["FullLoadRows"] == 2000
    for table, columns in (("customer", "id, name, mood::text"), ("purchase", "id, customer, cents")):
        scene.same(f"select {columns} from shop.{table} order by id")
    constraints = (
        "select contype from pg_constraint where connamespace = 'shop'::regnamespace and contype <> 'n'"
    )
    assert scene.rows("target", constraints) == [("p",), ("p",)]
    assert scene.rows("target", "select indexname from pg_indexes where schemaname = 'shop' order by 1") == [
        ("customer_pkey",),
        ("purchase_pkey",),
    ]
    columns = "select column_name, column_default, is_nullable, data_type from information_schema.columns "
    assert scene.rows(
        "target", columns + "where table_schema = 'shop' and table_name = 'customer' order by 1"
    ) == [
        ("id", None, "NO", "integer"),
        ("mood", None, "YES", "text"),
        ("name", None, "NO", "text"),
    ]
    names = "select relname from pg_class where relnamespace = 'shop'::regnamespace and relkind in ('S', 'v')"
    assert scene.rows("target", names) == []
    scene.delete(arn)


def test_mappings(scene: Scene) -> None:  # noqa: F811
    scene.do(
        "source",
        "create schema shape",
        "create table shape.old_orders (id int primary key, secret text, amount int)",
        "create table shape.old_items (id int primary key, amount int)",
        "create table shape.skipped (id int primary key)",
        "insert into shape.old_orders select i, 's', i from generate_series(1, 20) i",
        "insert into shape.old_items values (1, 1)",
    )
    exclude = {
        "rule-type": "selection",
        "rule-id": "2",
        "rule-name": "2",
        "object-locator": {"schema-name": "shape", "table-name": "skip%"},
        "rule-action": "exclude",
    }
    only = {
        "filter-type": "source",
        "column-name": "id",
        "filter-conditions": [{"filter-operator": "between", "start-value": "5", "end-value": "9"}],
    }
    explicit = {
        "rule-type": "selection",
        "rule-id": "3",
        "rule-name": "3",
        "object-locator": {"schema-name": "shape", "table-name": "old_orders"},
        "rule-action": "explicit",
        "filters": [only],
    }
    more = [
        exclude,
        explicit,
        rule(4, "schema", "rename", value="form"),
        rule(5, "table", "remove-prefix", value="old_"),
        rule(6, "table", "convert-uppercase"),
        rule(7, "column", "remove-column", table="old_orders", column="secret"),
        rule(8, "column", "rename", table="%", column="amount", value="cents"),
        rule(9, "column", "add-suffix", table="old_items", column="cents", value="_x"),
    ]
    arn = load(scene, "mapped", ("shape", "%"), more=more)
    assert scene.rows("target", 'select id, cents from form."ORDERS" order by id') == [
        (i, i) for i in range(5, 10)
    ]
    assert scene.rows("target", 'select cents from form."ITEMS"') == [(1,)]
    tables = scene.dms.describe_table_statistics(ReplicationTaskArn=arn)["TableStatistics"]
    assert sorted(line["TableName"] for line in tables) == ["old_items", "old_orders"]
    scene.delete(arn)


def test_preparation(scene: Scene) -> None:  # noqa: F811
    scene.do(
        "source",
        "create schema prep",
        "create table prep.t (id int primary key)",
        "insert into prep.t values (1)",
    )
    make = "create table prep.t (id int primary key, note text default 'kept')"
    scene.do("target", "create schema prep", make, "insert into prep.t values (7)")

    def run(mode: str, name: str = "") -> str:
        return load(
            scene,
            name or mode.lower().replace("_", "-"),
            ("prep", "t"),
            settings={"FullLoadSettings": {"TargetTablePrepMode": mode}},
        )

    arns = [run("DO_NOTHING")]
    assert scene.rows("target", "select * from prep.t order by id") == [(1, "kept"), (7, "kept")]
    arns.append(run("TRUNCATE_BEFORE_LOAD"))
    assert scene.rows("target", "select * from prep.t") == [(1, "kept")]
    again = run("DO_NOTHING", "again")
    line = scene.statistics(again, "t")
    assert line["TableState"] == "Table error"
    assert "t_pkey" in line["ValidationStateDetails"]
    arns.append(run("DROP_AND_CREATE"))
    assert scene.rows("target", "select * from prep.t") == [(1,)]
    for arn in [*arns, again]:
        scene.delete(arn)


def test_one_snapshot(scene: Scene) -> None:  # noqa: F811
    """All tables are loaded as they were at one moment."""
    scene.do(
        "source",
        "create schema moment",
        "create table moment.a (n int)",
        "create table moment.b (n int)",
        "insert into moment.a select generate_series(1, 100000)",
        "insert into moment.b select generate_series(1, 100000)",
    )
    arn = scene.create("moment", "full-load", mappings(("moment", "%")))
    with scene.connect("source") as connection:
        scene.start(arn)
        number = 0
        while scene.task(arn)["Status"] in ("starting", "running"):
            number -= 1
            with connection.transaction():
                connection.execute(f"insert into moment.a values ({number})".encode())
                connection.execute(f"insert into moment.b values ({number})".encode())
    counts = scene.rows("target", "select (select count(*) from moment.a), (select count(*) from moment.b)")
    assert counts[0][0] == counts[0][1] >= 100000
    scene.delete(arn)


def test_stop_in_load(scene: Scene) -> None:  # noqa: F811
    """A stop leaves whole tables or none; resuming loads the others, and doubles nothing."""
    names = [f"t{number}" for number in range(12)]
    for name in names:
        scene.do(
            "source",
            "create schema if not exists halves",
            f"create table halves.{name} (n int, t text)",
            f"insert into halves.{name} select i, md5(i::text) from generate_series(1, 30000) i",
        )
    settings = {"FullLoadSettings": {"MaxFullLoadSubTasks": 1}}
    arn = scene.create("halves", "full-load", mappings(("halves", "%")), settings=settings)
    scene.start(arn)
    scene.until(
        lambda: scene.task(arn), lambda task: task.get("ReplicationTaskStats", {}).get("TablesLoaded", 0) > 1
    )
    stopped = scene.stop(arn)
    assert stopped["StopReason"] == "Stop Reason NORMAL"
    loaded = stopped["ReplicationTaskStats"]["TablesLoaded"]
    assert loaded < len(names)
    first = scene.rows("target", "select oid from pg_class where relname = 't0'")
    assert scene.run(arn, "resume-processing")["StopReason"] == "Stop Reason FULL_LOAD_ONLY_FINISHED"
    for name in names:
        assert scene.rows("target", f"select count(*) from halves.{name}") == [(30000,)]
    # the tables that were complete were not touched
    assert scene.rows("target", "select oid from pg_class where relname = 't0'") == first
    with pytest.raises(ClientError) as caught:
        scene.start(arn, "resume-processing")
    assert code_of(caught) == "InvalidResourceStateFault"
    assert scene.run(arn, "reload-target")["ReplicationTaskStats"]["TablesLoaded"] == len(names)
    assert scene.rows("target", "select oid from pg_class where relname = 't0'") != first
    scene.delete(arn)


def test_cached_changes(scene: Scene) -> None:  # noqa: F811
    """A task can stop between the full load and the changes, or after those that came meanwhile."""
    scene.do(
        "source",
        "create schema pause",
        "create table pause.t (n int primary key)",
        "insert into pause.t values (1)",
    )
    before = {"FullLoadSettings": {"StopTaskCachedChangesNotApplied": True}}
    arn = scene.create("pause", "full-load-and-cdc", mappings(("pause", "%")), settings=before)
    assert scene.run(arn)["StopReason"] == "Stop Reason STOPPED_AFTER_FULL_LOAD"
    scene.do("source", "insert into pause.t values (2)")
    after = {"StopTaskCachedChangesNotApplied": False, "StopTaskCachedChangesApplied": True}
    settings = json.dumps({"FullLoadSettings": after})
    scene.dms.modify_replication_task(ReplicationTaskArn=arn, ReplicationTaskSettings=settings)
    scene.until(lambda: scene.task(arn), lambda task: task["Status"] == "stopped")
    assert scene.run(arn, "resume-processing")["StopReason"] == "Stop Reason STOPPED_AFTER_CACHED_EVENTS"
    scene.same("select * from pause.t order by n")
    scene.delete(arn)


def test_validation(scene: Scene) -> None:  # noqa: F811
    scene.do(
        "source",
        "create schema proof",
        "create table proof.t (a int, b text, v text, primary key (a, b))",
        "create table proof.heap (n int)",
        "insert into proof.t select i, 'b' || i, md5(i::text) from generate_series(1, 1000) i",
    )
    settings = {"ValidationSettings": {"EnableValidation": True}}
    arn = scene.create("proof", "full-load-and-cdc", mappings(("proof", "%")), settings=settings)
    scene.start(arn)

    def state(wanted: str) -> dict[str, Any]:
        found: dict[str, Any] = scene.until(
            lambda: scene.statistics(arn, "t"), lambda line: line.get("ValidationState") == wanted
        )
        return found

    assert state("Validated")["ValidationFailedRecords"] == 0
    assert scene.statistics(arn, "heap")["ValidationState"] == "No primary key"
    scene.do("target", "update proof.t set v = 'wrong' where a = 5", "delete from proof.t where a = 6")
    scene.do("source", "insert into proof.t values (2000, 'b', 'v')")
    assert state("Mismatched records")["ValidationFailedRecords"] == 2
    kinds = 'select "KEY", "FAILURE_TYPE" from awsdms_validation_failures_v1 order by 2'
    assert scene.rows("target", kinds) == [('["6", "b6"]', "MISSING_TARGET"), ('["5", "b5"]', "RECORD_DIFF")]
    scene.do(
        "target",
        "update proof.t set v = md5('5') where a = 5",
        "insert into proof.t values (6, 'b6', md5('6'))",
    )
    assert state("Validated")["ValidationFailedRecords"] == 0
    scene.delete(arn)


def test_failures(scene: Scene) -> None:  # noqa: F811
    nothing = scene.create("nothing", "full-load", mappings(("no_such_schema", "%")))
    failed = scene.run(nothing)
    assert failed["Status"] == "failed"
    assert "No tables were found" in failed["LastFailureMessage"]
    scene.delete(nothing)
    # of RDS, where wal_level is a matter of the parameter group
    place = {**scene.place("target"), "SslMode": "require"}
    source = scene.endpoint("source", "not-logical", **place)
    scene.test(source)
    scene.do("target", "create table plain (n int primary key)")
    arn = scene.create("not-logical", "cdc", mappings(("public", "plain")), SourceEndpointArn=source)
    failed = scene.run(arn)
    assert "rds.logical_replication" in failed["LastFailureMessage"]
    assert PASSWORD not in str(failed)
    scene.delete(arn)


def test_changes_only(scene: Scene) -> None:  # noqa: F811
    """Without a full load, from now on or from a position of a slot of one's own, until a moment."""
    scene.do(
        "source",
        "create schema late",
        "create table late.t (n int primary key)",
        "insert into late.t values (1)",
        "create publication awsdms_mine for table late.t",
        "select pg_create_logical_replication_slot('mine', 'pgoutput')",
        "insert into late.t values (2)",
    )
    [(middle,)] = scene.rows("source", "select pg_current_wal_lsn()::text")
    scene.do("source", "insert into late.t values (3)")
    scene.do("target", "create schema late", "create table late.t (n int primary key)")
    source = scene.endpoint(
        "source", "slotted", **scene.place("source"), PostgreSQLSettings={"SlotName": "mine"}
    )
    scene.test(source)
    arn = scene.create(
        "late", "cdc", mappings(("late", "%")), SourceEndpointArn=source, CdcStartPosition=middle
    )
    scene.start(arn)
    scene.running(arn)
    scene.do("source", "insert into late.t values (4)")
    scene.until(
        lambda: scene.rows("target", "select * from late.t order by n"), lambda rows: rows == [(3,), (4,)]
    )
    scene.stop(arn)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 1))
    scene.start(arn, "resume-processing", CdcStopPosition=f"server_time:{moment}")
    assert scene.ended(arn)["StopReason"] == "Stop Reason STOPPED_AT_SERVER_TIME"
    scene.delete(arn)
    # a slot that the task did not make is not its to drop
    assert scene.rows("source", "select slot_name from pg_replication_slots") == [("mine",)]
    scene.do("source", "select pg_drop_replication_slot('mine')", "drop publication awsdms_mine")


def test_rds_source(scene: Scene) -> None:  # noqa: F811
    """An RDS instance with logical replication, and a user that has rds_replication."""
    rds = scene.aws.client("rds")
    version = rds.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"][0]
    rds.create_db_parameter_group(
        DBParameterGroupName="logical",
        DBParameterGroupFamily=version["DBParameterGroupFamily"],
        Description="logical",
    )
    setting = {
        "ParameterName": "rds.logical_replication",
        "ParameterValue": "1",
        "ApplyMethod": "pending-reboot",
    }
    rds.modify_db_parameter_group(DBParameterGroupName="logical", Parameters=[setting])
    rds.create_db_instance(**scene.network.request("origin", DBParameterGroupName="logical"))
    shown = fix_rds.available(rds, "origin")
    with contextlib.closing(fix_rds.connect(scene.aws, shown)) as connection:
        for statement in (
            f"create role mover login password '{PASSWORD}'",
            "grant create on database shop to mover",
            "grant mover to shop",
            "create schema moved authorization mover",
            "set role mover",
            "create table moved.t (id int primary key)",
            "insert into moved.t values (1)",
        ):
            connection.execute(statement.encode())
        end = shown["Endpoint"]
        place = {"ServerName": end["Address"], "Port": end["Port"], "Username": "mover", "Password": PASSWORD}
        source = scene.endpoint("source", "origin", **place, DatabaseName="shop", SslMode="verify-full")
        scene.test(source)
        both, moved = "full-load-and-cdc", mappings(("moved", "%"))
        arn = scene.create("rds-source", both, moved, SourceEndpointArn=source)
        assert "rds_replication" in scene.run(arn)["LastFailureMessage"]
        connection.execute("reset role")
        connection.execute("grant rds_replication to mover")
        scene.start(arn, "resume-processing")
        scene.running(arn)
        connection.execute("set role mover")
        connection.execute("insert into moved.t values (2)")
        scene.until(lambda: scene.rows("target", "select count(*) from moved.t"), lambda rows: rows == [(2,)])
        scene.delete(arn)
        assert connection.execute("select * from pg_replication_slots").fetchall() == []
