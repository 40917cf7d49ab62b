"""What happens to a database over time: replica, failover, point-in-time restore, alarm, rotation."""

import datetime
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg

from bench.figure import Figure
from bench.peers import Peer, localaws
from bench.rds import PASSWORD, ROWS_FOR_200_MB, connect, create, open_network

FAILOVERS = 30
ROTATIONS = 7
SAMPLING = 1
FILL = (
    "create table filler as select n, md5(n::text) as a, md5((n + 1)::text) as b "
    f"from generate_series(1, {ROWS_FOR_200_MB}) n"
)


def poll(look: Callable[[], bool], deadline: float = 60.0, pause: float = 0.02) -> float:
    """Wait until `look` is true; seconds waited."""
    start = time.perf_counter()
    while not look():
        if time.perf_counter() - start > deadline:
            raise RuntimeError(f"nothing happened within {deadline} s")
        time.sleep(pause)
    return time.perf_counter() - start


def _megabytes(connection: psycopg.Connection[Any]) -> float:
    row = connection.execute("select pg_database_size('postgres')").fetchone()
    return float(row[0]) / 1e6 if row else 0.0


def _status(peer: Peer, name: str) -> str:
    found = peer.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return str(found["DBInstanceStatus"])


def replica_and_restore() -> Iterator[Figure]:
    """A 200 MB source: a replica that has caught up, and the state of before a wrong DELETE."""
    with localaws() as peer:
        network = open_network(peer)
        rds = peer.client("rds")
        create(peer, "source", **network, BackupRetentionPeriod=1)
        with connect(peer, "source") as source:
            source.execute(FILL)
            size = _megabytes(source)
            start = time.perf_counter()
            rds.create_db_instance_read_replica(
                DBInstanceIdentifier="replica", SourceDBInstanceIdentifier="source", PubliclyAccessible=True
            )
            with connect(peer, "replica") as replica:
                source.execute("insert into filler values (0, 'last', 'last')")
                poll(lambda: replica.execute("select 1 from filler where n = 0").fetchone() is not None)
            caught_up = time.perf_counter() - start
            moment = source.execute("select clock_timestamp()").fetchone()
            time.sleep(1)
            source.execute("delete from filler where n % 3 = 0")
            restored = _restore(peer, network, moment[0] if moment else None)
    yield Figure(
        name=f"read replica of {size:.0f} MB, created and caught up",
        ours=f"{caught_up:.2f} s",
        peer="moto, MiniStack: a record",
        goal="≤ 2 s",
        reached=caught_up <= 2,
    )
    yield Figure(
        name=f"point-in-time restore of {size:.0f} MB to first SQL",
        ours=f"{restored:.2f} s",
        peer="moto: a record; MiniStack: not there",
        goal="≤ 4 s",
        reached=restored <= 4,
    )


def _restore(peer: Peer, network: dict[str, Any], moment: datetime.datetime | None) -> float:
    rds = peer.client("rds")

    def restorable() -> bool:
        found = rds.describe_db_instances(DBInstanceIdentifier="source")["DBInstances"][0]
        return bool(moment and found.get("LatestRestorableTime", moment) > moment)

    poll(restorable, pause=0.2)
    start = time.perf_counter()
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="source",
        TargetDBInstanceIdentifier="before",
        RestoreTime=moment,
        **network,
    )
    with connect(peer, "before") as connection:
        taken = time.perf_counter() - start
        row = connection.execute("select count(*) from filler").fetchone()
    if not row or row[0] != ROWS_FOR_200_MB + 1:
        raise RuntimeError(f"the restore holds {row} rows, not {ROWS_FOR_200_MB + 1}")
    return taken


def failover(times: int = FAILOVERS) -> Iterator[Figure]:
    """Forced failovers under a writer: from the last row written before to the first one after."""
    with localaws() as peer:
        network = open_network(peer)
        create(peer, "pair", **network, MultiAZ=True)
        with connect(peer, "pair") as connection:
            connection.execute("create table beats (n int primary key)")
        outages, written = [], 0
        for _ in range(times):
            poll(lambda: _status(peer, "pair") == "available")
            outage, written = _outage(peer, written)
            outages.append(outage)
        with connect(peer, "pair") as connection:
            row = connection.execute("select count(*) from beats").fetchone()
    lost = written - (row[0] if row else 0)
    median, worst = statistics.median(outages), max(outages)
    yield Figure(
        name="failover, outage that a writer sees",
        ours=f"{median:.2f} s (worst of {times}: {worst:.2f} s; acknowledged rows lost: {max(lost, 0)})",
        peer="moto, MiniStack: nothing fails over",
        goal="≤ 0.5 s median, 1.5 s worst, 0 lost",
        reached=median <= 0.5 and worst <= 1.5 and lost <= 0,
    )


def _outage(peer: Peer, written: int) -> tuple[float, int]:
    """One failover under a writer that reconnects; the longest gap between two acknowledged rows."""
    place = peer.client("rds").describe_db_instances(DBInstanceIdentifier="pair")["DBInstances"][0]
    address = place["Endpoint"]["Address"]
    end = time.perf_counter() + 2.0
    asked, longest, last = False, 0.0, time.perf_counter()
    while time.perf_counter() < end:
        with suppress(psycopg.Error), _writer(address) as connection:
            while time.perf_counter() < end:
                with suppress(psycopg.errors.UniqueViolation):
                    connection.execute("insert into beats values (%s)", [written])
                written += 1
                now = time.perf_counter()
                longest, last = max(longest, now - last), now
                if not asked:
                    asked = True
                    peer.client("rds").reboot_db_instance(DBInstanceIdentifier="pair", ForceFailover=True)
                    last = time.perf_counter()
                time.sleep(0.005)
        time.sleep(0.005)
    return longest, written


def _writer(address: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=address,
        port=5432,
        user="shop",
        password=PASSWORD,
        dbname="postgres",
        sslmode="require",
        autocommit=True,
        connect_timeout=2,
    )


def second_instance() -> Iterator[Figure]:
    """A second instance of a class, from the call to `available` with an answered connection."""
    with localaws() as peer:
        network = open_network(peer)
        taken = []
        for number in range(6):
            start = time.perf_counter()
            create(peer, f"same{number}", **network)
            connect(peer, f"same{number}").close()
            taken.append(time.perf_counter() - start)
    value = statistics.median(taken[1:])
    yield Figure(
        name="second instance of a class, call to ready",
        ours=f"{value:.2f} s (worst of 5: {max(taken[1:]):.2f} s)",
        peer="moto, MiniStack without Docker: no database",
        goal="≤ 1 s",
        reached=value <= 1,
    )


def alarm() -> Iterator[Figure]:
    """An alarm on DatabaseConnections: from the breach to ALARM, in sampling periods of 1 s."""
    with localaws(LOCALAWS_SAMPLE_SECONDS=str(SAMPLING)) as peer:
        network = open_network(peer)
        create(peer, "watched", **network)
        cloudwatch = peer.client("cloudwatch")
        connect(peer, "watched").close()
        cloudwatch.put_metric_alarm(
            AlarmName="connections",
            Namespace="AWS/RDS",
            MetricName="DatabaseConnections",
            Dimensions=[{"Name": "DBInstanceIdentifier", "Value": "watched"}],
            Statistic="Maximum",
            Period=10,
            EvaluationPeriods=1,
            Threshold=8,
            ComparisonOperator="GreaterThanThreshold",
        )

        def state() -> str:
            return str(
                cloudwatch.describe_alarms(AlarmNames=["connections"])["MetricAlarms"][0]["StateValue"]
            )

        poll(lambda: state() == "OK", 90)
        storm = [connect(peer, "watched") for _ in range(12)]
        fired = poll(lambda: state() == "ALARM", 90)
        for connection in storm:
            connection.close()
        recovered = poll(lambda: state() == "OK", 90)
    yield Figure(
        name="alarm, breach to ALARM",
        ours=f"{fired / SAMPLING:.1f} sampling periods of {SAMPLING:.0f} s (back to OK: {recovered:.0f} s)",
        peer="moto: alarms are not evaluated; MiniStack: on PutMetricData only",
        goal="≤ 1 period (+ 0.2 s to see it)",
        reached=fired <= SAMPLING + 0.2,
    )


def rotation() -> Iterator[Figure]:
    """Single-user rotation of an RDS secret: from the call to the new password in force."""
    with localaws() as peer:
        network = open_network(peer)
        create(peer, "rotated", **network)
        connect(peer, "rotated").close()
        place = peer.client("rds").describe_db_instances(DBInstanceIdentifier="rotated")["DBInstances"][0]
        secrets = peer.client("secretsmanager")
        facts = {
            "engine": "postgres",
            "host": place["Endpoint"]["Address"],
            "port": place["Endpoint"]["Port"],
            "username": "shop",
            "password": PASSWORD,
            "dbname": "postgres",
        }
        secrets.create_secret(Name="shop", SecretString=json.dumps(facts))
        function = (
            "arn:aws:lambda:us-east-1:123456789012:function:SecretsManagerRDSPostgreSQLRotationSingleUser"
        )
        taken = [_rotate(secrets, function) for _ in range(ROTATIONS)]
    value = statistics.median(taken)
    yield Figure(
        name="rotation of a database secret",
        ours=f"{value:.2f} s (worst of {ROTATIONS}: {max(taken):.2f} s)",
        peer="moto: Lambda in Docker; MiniStack: labels only",
        goal="≤ 1 s",
        reached=value <= 1,
    )


def _rotate(secrets: Any, function: str) -> float:
    before = secrets.get_secret_value(SecretId="shop")
    start = time.perf_counter()
    secrets.rotate_secret(
        SecretId="shop", RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 30}
    )
    poll(lambda: secrets.get_secret_value(SecretId="shop")["VersionId"] != before["VersionId"])
    taken = time.perf_counter() - start
    new = json.loads(secrets.get_secret_value(SecretId="shop")["SecretString"])
    psycopg.connect(
        host=new["host"],
        port=new["port"],
        user="shop",
        password=new["password"],
        dbname="postgres",
        sslmode="require",
    ).close()
    return taken
