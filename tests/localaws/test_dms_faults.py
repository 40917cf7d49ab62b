"""A task that is stopped, killed, or loses its databases: nothing is lost and nothing comes twice."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import psycopg
import pytest

from .fix_dms import BOTH, Scene, begin, mappings, scene, task  # noqa: F401 - fixtures

pytestmark = pytest.mark.engine


def test_stop_and_resume(scene: Scene, task: str) -> None:  # noqa: F811
    scene.do("source", f"create table {task}.t (id int, name text)")
    arn = begin(scene, task)
    for number in range(3):
        scene.do("source", f"insert into {task}.t select i, 'run' from generate_series(1, 1000) i")
        assert scene.stop(arn)["StopReason"] == "Stop Reason NORMAL"
        scene.do("source", f"insert into {task}.t values ({number}, 'while it rested')")
        scene.start(arn, "resume-processing")
        scene.running(arn)
    scene.same(f"select name, count(*) from {task}.t group by 1 order by 1")
    scene.delete(arn)
    assert scene.rows("source", "select slot_name from pg_replication_slots") == []
    assert scene.rows("source", "select pubname from pg_publication") == []


def test_kill(scene: Scene, task: str) -> None:  # noqa: F811
    """The server is killed again and again, in the load and in the changes: nothing is lost or doubled."""
    scene.do(
        "source",
        f"create table {task}.one (id int, name text)",
        f"create table {task}.two (id int primary key, name text)",
        f"insert into {task}.one select i, md5(i::text) from generate_series(1, 150000) i",
        f"insert into {task}.two select i, md5(i::text) from generate_series(1, 150000) i",
    )
    arn = scene.create("kill", BOTH, mappings((task, "%")))
    scene.start(arn)
    done = threading.Event()

    def write() -> None:
        with scene.connect("source") as connection:
            number = 0
            while not done.is_set():
                number += 1
                connection.execute(f"insert into {task}.one values (-{number}, 'x')".encode())
                connection.execute(f"update {task}.two set name = name || '.' where id = 1".encode())
                time.sleep(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for pause in (0.3, 0.8, 1.2):
            time.sleep(pause)
            os.kill(scene.aws.status()["pid"], signal.SIGKILL)
            scene.aws.start()
            scene.dms = scene.aws.client("dms")
        scene.running(arn)
    finally:
        done.set()
        writer.join()
    scene.same(f"select count(*), sum(id), count(distinct id) from {task}.one")
    scene.same(f"select count(*), sum(hashtext(two::text)) from {task}.two")
    scene.delete(arn)


def test_lost_servers(scene: Scene, task: str) -> None:  # noqa: F811
    """Source and target go away for a moment; the task stays and goes on."""
    scene.do("source", f"create table {task}.t (id int)")
    arn = begin(scene, task)
    scene.do("source", f"insert into {task}.t values (1)")
    scene.same(f"select * from {task}.t")
    assert "onprem status --json" in scene.aws.run("onprem", "stop").stdout
    scene.here = {**scene.here, **_started(scene)}
    scene.do("source", f"insert into {task}.t values (2)")
    scene.same(f"select * from {task}.t order by 1")
    with pytest.raises(psycopg.OperationalError), scene.connect("target") as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'shop'")
    scene.do("source", f"insert into {task}.t values (3)")
    scene.same(f"select * from {task}.t order by 1")
    assert scene.task(arn)["Status"] == "running"
    scene.delete(arn)


def _started(scene: Scene) -> dict[str, object]:  # noqa: F811
    found: dict[str, object] = json.loads(scene.aws.run("onprem", "start", "--json").stdout)
    return found


def test_open_transaction(scene: Scene, task: str) -> None:  # noqa: F811
    """A transaction that is open at the source keeps a task waiting; it can be stopped, and goes on later."""
    scene.do("source", f"create table {task}.t (id int primary key)")
    arn = scene.create("waits", BOTH, mappings((task, "%")))
    with scene.connect("source") as connection:
        connection.autocommit = False
        connection.execute(f"insert into {task}.t values (1)".encode())
        scene.start(arn)
        slots = "select count(*) from pg_replication_slots"
        scene.until(lambda: scene.rows("source", slots), lambda rows: rows == [(1,)])
        assert scene.stop(arn)["StopReason"] == "Stop Reason NORMAL"
        scene.start(arn, "resume-processing")
        connection.commit()
    scene.running(arn)
    scene.same(f"select * from {task}.t")
    scene.delete(arn)
