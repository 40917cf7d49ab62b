"""What a DMS task takes: a full load of 200 MB, and how far change data capture is behind under load."""

import json
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg

from bench.figure import Figure
from bench.peers import Peer, localaws
from bench.rds import PASSWORD, ROWS_FOR_200_MB, connect, create, open_network

TABLES = 4
RATE, SECONDS = 500, 8
MAPPINGS = json.dumps(
    {
        "rules": [
            {
                "rule-type": "selection",
                "rule-id": "1",
                "rule-name": "1",
                "object-locator": {"schema-name": "public", "table-name": "%"},
                "rule-action": "include",
            }
        ]
    }
)


def _source(peer: Peer) -> None:
    """An RDS instance with logical replication and 200 MB in it."""
    network = open_network(peer)
    rds = peer.client("rds")
    family = rds.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"][0]
    rds.create_db_parameter_group(
        DBParameterGroupName="logical",
        DBParameterGroupFamily=family["DBParameterGroupFamily"],
        Description="logical",
    )
    setting = {"ParameterName": "rds.logical_replication", "ParameterValue": "1"}
    rds.modify_db_parameter_group(
        DBParameterGroupName="logical", Parameters=[{**setting, "ApplyMethod": "pending-reboot"}]
    )
    create(peer, "source", DBParameterGroupName="logical", **network)
    create(peer, "target", **network)
    with connect(peer, "source") as connection:
        for number in range(TABLES):
            connection.execute(f"create table part{number} (n int primary key, a text, b text)".encode())
            connection.execute(
                f"insert into part{number} select n, md5(n::text), md5((n + 1)::text) "
                f"from generate_series(1, {ROWS_FOR_200_MB // TABLES}) n".encode()
            )
        connection.execute("create table beat (n int primary key, at timestamptz)")
        connection.execute("checkpoint")
    connect(peer, "target").close()


def _task(peer: Peer) -> str:
    dms = peer.client("dms")
    mover = dms.create_replication_instance(
        ReplicationInstanceIdentifier="mover", ReplicationInstanceClass="dms.t3.medium"
    )["ReplicationInstance"]["ReplicationInstanceArn"]
    dms.get_waiter("replication_instance_available").wait(WaiterConfig={"Delay": 1})
    arns = {}
    for kind in ("source", "target"):
        place = peer.client("rds").describe_db_instances(DBInstanceIdentifier=kind)["DBInstances"][0][
            "Endpoint"
        ]
        arns[kind] = dms.create_endpoint(
            EndpointIdentifier=kind,
            EndpointType=kind,
            EngineName="postgres",
            ServerName=place["Address"],
            Port=place["Port"],
            Username="shop",
            Password=PASSWORD,
            DatabaseName="postgres",
            SslMode="require",
        )["Endpoint"]["EndpointArn"]
        dms.test_connection(ReplicationInstanceArn=mover, EndpointArn=arns[kind])
    dms.get_waiter("test_connection_succeeds").wait(WaiterConfig={"Delay": 1})
    arn: str = dms.create_replication_task(
        ReplicationTaskIdentifier="move",
        SourceEndpointArn=arns["source"],
        TargetEndpointArn=arns["target"],
        ReplicationInstanceArn=mover,
        MigrationType="full-load-and-cdc",
        TableMappings=MAPPINGS,
    )["ReplicationTask"]["ReplicationTaskArn"]
    dms.get_waiter("replication_task_ready").wait(WaiterConfig={"Delay": 1})
    return arn


def _load(peer: Peer, arn: str) -> float:
    """Seconds from start_replication_task to the last table's end."""
    dms = peer.client("dms")
    start = time.perf_counter()
    dms.start_replication_task(ReplicationTaskArn=arn, StartReplicationTaskType="start-replication")
    while time.perf_counter() - start < 120:
        task = dms.describe_replication_tasks(WithoutSettings=True)["ReplicationTasks"][0]
        if task["Status"] == "failed":
            raise RuntimeError(task["LastFailureMessage"])
        if task.get("ReplicationTaskStats", {}).get("FullLoadProgressPercent") == 100:
            return time.perf_counter() - start
        time.sleep(0.05)
    raise RuntimeError("the full load did not end")


def _lags(peer: Peer) -> list[float]:
    """How long it takes until a row of the source is at the target, while 500 rows a second are written."""
    done = threading.Event()

    def write() -> None:
        with connect(peer, "source") as connection:
            begin = time.perf_counter()
            for number in range(RATE * SECONDS):
                connection.execute("insert into beat values (%s, clock_timestamp())", (number,))
                time.sleep(max(0.0, begin + (number + 1) / RATE - time.perf_counter()))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    found = []
    with connect(peer, "target") as connection:
        while not done.is_set():
            found.append(_behind(connection))
            time.sleep(0.05)
    writer.join()
    return [lag for lag in found if lag is not None]


def _behind(connection: psycopg.Connection[Any]) -> float | None:
    row = connection.execute(
        "select extract(epoch from clock_timestamp() - max(at))::float from beat"
    ).fetchone()
    return row[0] if row else None


def dms() -> Iterator[Figure]:
    """A full load of 200 MB in four tables, then 500 rows a second."""
    with localaws() as peer:
        _source(peer)
        arn = _task(peer)
        load = _load(peer, arn)
        lags = _lags(peer)
    yield Figure(
        name="DMS full load of 200 MB, four tables",
        ours=f"{load:.1f} s",
        peer="moto: a record without rows",
        goal="≤ 8 s",
        reached=load <= 8,
    )
    worst, median = max(lags), statistics.median(lags)
    yield Figure(
        name=f"DMS change data capture at {RATE} rows/s, lag",
        ours=f"{median:.2f} s (worst {worst:.2f} s)",
        peer="–",
        goal="≤ 0.5 s",
        reached=median <= 0.5,
    )
