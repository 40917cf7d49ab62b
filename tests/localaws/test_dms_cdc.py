"""Change data capture: what happens at the source happens at the target, once, whatever comes between."""

from __future__ import annotations

import threading
import time

import pytest

from .fix_dms import BOTH, Scene, begin, mappings, scene, task  # noqa: F401 - fixtures

pytestmark = pytest.mark.engine


def test_rows_follow(scene: Scene, task: str) -> None:  # noqa: F811
    scene.do(
        "source",
        f"create table {task}.t (id int primary key, name text, n numeric, at timestamptz, j jsonb, b bytea, "
        "ok boolean, a int[])",
        f"insert into {task}.t select i, 'row ' || i, i / 3.0, now(), '{{\"a\": [1]}}', '\\x00ff', true, "
        "array[i] from generate_series(1, 500) i",
    )
    arn = begin(scene, task)
    scene.do(
        "source",
        f"insert into {task}.t (id, name, n, ok, a) values "
        "(1000, E'tab\\there \\\\ and\\nline', 'NaN', false, '{}')",
        f"insert into {task}.t select i, 'many' from generate_series(2000, 2400) i",
        f"update {task}.t set name = '100 %s', n = n * 2 where id <= 10",
        f"update {task}.t set id = 9000 where id = 20",
        f"delete from {task}.t where id between 30 and 39",
    )
    scene.same(f"select t::text from {task}.t order by id")
    found = scene.until(
        lambda: scene.statistics(arn, "t"), lambda line: line.get("Inserts") == 402 and line["Deletes"] == 10
    )
    assert (found["Updates"], found["FullLoadRows"], found["TableState"]) == (11, 500, "Table completed")
    assert scene.task(arn)["RecoveryCheckpoint"].startswith("checkpoint:V1#")
    scene.delete(arn)


def test_changes_during_load(scene: Scene, task: str) -> None:  # noqa: F811
    """Writes go on while the task starts: each row arrives exactly once."""
    scene.do(
        "source",
        f"create table {task}.t (id serial primary key, name text)",
        f"create table {task}.log (id int, name text)",
        f"insert into {task}.t (name) select md5(i::text) from generate_series(1, 50000) i",
    )
    done = threading.Event()

    def write() -> None:
        with scene.connect("source") as connection:
            while not done.is_set():
                connection.execute(f"insert into {task}.t (name) values ('x')".encode())
                connection.execute(f"insert into {task}.log select count(*), 'n' from {task}.t".encode())
                connection.execute(f"update {task}.t set name = name || '!' where id % 5000 = 7".encode())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        arn = begin(scene, task)
        time.sleep(0.5)
    finally:
        done.set()
        writer.join()
    scene.same(f"select count(*), sum(hashtext(t::text)) from {task}.t")
    scene.same(f"select count(*), sum(id) from {task}.log")
    scene.delete(arn)


def test_unusual_rows(scene: Scene, task: str) -> None:  # noqa: F811
    """Large values that stay, tables without keys, whole rows as identity, truncation."""
    scene.do(
        "source",
        f"create table {task}.big (id int primary key, n int, body text)",
        f"alter table {task}.big alter body set storage external",
        f"insert into {task}.big values (1, 1, repeat('x', 100000))",
        f"create table {task}.heap (n int)",
        f"create table {task}.whole (n int, j json)",
        f"alter table {task}.whole replica identity full",
        f"insert into {task}.whole values (1, '{{}}'), (1, '{{}}'), (2, null)",
        f"create table {task}.emptied (n int primary key)",
        f"insert into {task}.emptied values (1), (2)",
    )
    arn = begin(scene, task)
    scene.do(
        "source",
        f"update {task}.big set n = 2",
        f"insert into {task}.heap values (1), (2)",
        f"update {task}.heap set n = 3 where n = 2",
        f"delete from {task}.whole where ctid = (select min(ctid) from {task}.whole where n = 1)",
        f"update {task}.whole set n = 5 where n = 2",
        f"truncate {task}.emptied",
        f"insert into {task}.emptied values (7)",
    )
    scene.same(f"select id, n, length(body) from {task}.big")
    scene.same(f"select n, j::text from {task}.whole order by n")
    scene.same(f"select n from {task}.emptied")
    # without a key nobody can tell which row an update meant: AWS does not capture it either
    assert scene.rows("target", f"select n from {task}.heap order by n") == [(1,), (2,)]
    scene.delete(arn)


def test_large_transaction(scene: Scene, task: str) -> None:  # noqa: F811
    scene.do("source", f"create table {task}.t (id int primary key, name text)")
    arn = begin(scene, task)
    with scene.connect("source") as connection, connection.transaction():
        connection.execute(f"insert into {task}.t select i, 'a' from generate_series(1, 20000) i".encode())
        connection.execute(f"update {task}.t set name = 'b' where id % 10 = 0".encode())
        connection.execute(f"delete from {task}.t where id % 100 = 0".encode())
    scene.until(lambda: scene.rows("target", f"select count(*) from {task}.t"), lambda found: found != [(0,)])
    # it came as one
    assert scene.rows("target", f"select count(*), count(*) filter (where name = 'b') from {task}.t") == [
        (19800, 1800)
    ]
    scene.delete(arn)


def test_new_columns_and_tables(scene: Scene, task: str) -> None:  # noqa: F811
    scene.do("source", f"create table {task}.t (id int primary key)", f"insert into {task}.t values (1)")
    arn = begin(scene, task)
    scene.do(
        "source",
        f"alter table {task}.t add colour text default 'red'",
        f"insert into {task}.t values (2, 'blue')",
        f"create table {task}.later (id int primary key)",
        f"insert into {task}.later select generate_series(1, 100)",
    )
    scene.same(f"select id, colour from {task}.t order by id")
    scene.until(
        lambda: scene.statistics(arn, "later").get("TableState"), lambda state: state == "Table completed"
    )
    scene.do("source", f"insert into {task}.later values (101)")
    scene.same(f"select count(*) from {task}.later")
    scene.do("source", f"alter table {task}.t drop colour", f"insert into {task}.t values (3)")
    line = scene.until(lambda: scene.statistics(arn, "t"), lambda line: line["TableState"] == "Table error")
    assert "colour" in line["ValidationStateDetails"]
    scene.do("source", f"insert into {task}.later values (102)")
    scene.same(f"select count(*) from {task}.later")
    assert scene.task(arn)["Status"] == "running"
    scene.do("target", f"alter table {task}.t drop colour")
    tables = [{"SchemaName": task, "TableName": "t"}]
    scene.dms.reload_tables(ReplicationTaskArn=arn, TablesToReload=tables)
    scene.same(f"select * from {task}.t order by id")
    scene.do("source", f"insert into {task}.t values (4)")
    scene.same(f"select * from {task}.t order by id")
    assert scene.statistics(arn, "t")["FullLoadReloaded"]
    scene.delete(arn)


def test_refused_change(scene: Scene, task: str) -> None:  # noqa: F811
    """A change that the target does not take is noted, and the others go on."""
    scene.do("source", f"create table {task}.t (id int primary key)")
    arn = begin(scene, task)
    scene.do("target", f"insert into {task}.t values (5)")
    scene.do("source", f"insert into {task}.t select generate_series(1, 8)")
    scene.same(f"select count(*) from {task}.t")
    noted = f"select count(*) from awsdms_apply_exceptions where \"TABLE_OWNER\" = '{task}'"
    assert scene.rows("target", noted) == [(1,)]
    scene.delete(arn)


def test_filters(scene: Scene, task: str) -> None:  # noqa: F811
    """A filter counts for changes too; one that the source cannot follow is refused, not half obeyed."""
    scene.do(
        "source",
        f"create table {task}.t (id int primary key, town text)",
        f"insert into {task}.t values (5, 'a'), (15, 'b')",
    )

    def only(column: str, value: str) -> str:
        condition = {"filter-operator": "gte", "value": value}
        rule = {
            "rule-type": "selection",
            "rule-id": "2",
            "rule-name": "2",
            "rule-action": "explicit",
            "object-locator": {"schema-name": task, "table-name": "t"},
            "filters": [
                {"filter-type": "source", "column-name": column, "filter-conditions": [condition]},
            ],
        }
        return mappings((task, "t"), more=[rule])

    unfit = scene.create("unfit", BOTH, only("town", "b"))
    assert "REPLICA IDENTITY FULL" in scene.run(unfit)["LastFailureMessage"]
    scene.delete(unfit)
    arn = scene.create("filtered", BOTH, only("id", "10"))
    scene.start(arn)
    scene.running(arn)
    scene.do(
        "source",
        f"insert into {task}.t values (6, 'c'), (16, 'd'), (17, 'e')",
        f"update {task}.t set id = 7 where id = 16",
        f"update {task}.t set town = 'f' where id = 17",
    )
    scene.same(f"select * from {task}.t where id >= 10 order by id", f"select * from {task}.t order by id")
    scene.delete(arn)


def test_metrics(scene: Scene, task: str) -> None:  # noqa: F811
    scene.do("source", f"create table {task}.t (id int primary key)")
    scene.aws.run("sampling", "1")
    arn = begin(scene, task)
    metrics = scene.aws.client("cloudwatch")
    dimensions = [
        {"Name": "ReplicationInstanceIdentifier", "Value": "mover"},
        {"Name": "ReplicationTaskIdentifier", "Value": arn.rpartition(":")[2]},
    ]

    def points(name: str) -> list[float]:
        now = time.time()
        found = metrics.get_metric_statistics(
            Namespace="AWS/DMS",
            MetricName=name,
            Dimensions=dimensions,
            StartTime=now - 300,
            EndTime=now + 60,
            Period=60,
            Statistics=["Maximum"],
        )
        return [point["Maximum"] for point in found["Datapoints"]]

    scene.until(lambda: points("CDCThroughputRowsTarget"), lambda found: bool(found))
    scene.do("source", f"insert into {task}.t select generate_series(1, 500)")
    scene.until(lambda: points("CDCIncomingChanges"), lambda found: sum(found) >= 500)
    assert points("CDCLatencyTarget")
    scene.delete(arn)
