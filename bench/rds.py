"""What the RDS data plane takes: create to SQL, snapshot and restore, memory of an idle database."""

import statistics
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg

from bench.figure import Figure
from bench.peers import Peer, localaws

PASSWORD = "correct-horse-battery"
ROWS_FOR_200_MB = 1_950_000


def open_network(peer: Peer) -> dict[str, Any]:
    """Open the default VPC's default group to PostgreSQL; give the arguments for a public instance in it."""
    ec2 = peer.client("ec2")
    group = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}])
    identifier = group["SecurityGroups"][0]["GroupId"]
    everyone = [{"CidrIp": "0.0.0.0/0"}]
    ec2.authorize_security_group_ingress(
        GroupId=identifier,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": everyone}],
    )
    return {"PubliclyAccessible": True, "VpcSecurityGroupIds": [identifier]}


def create(peer: Peer, name: str, **arguments: Any) -> None:
    """Call create_db_instance."""
    peer.client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="shop",
        MasterUserPassword=PASSWORD,
        **{"BackupRetentionPeriod": 0, **arguments},
    )


def connect(peer: Peer, name: str, deadline: float = 60.0) -> psycopg.Connection[Any]:
    """Poll until the instance is available and connect to its endpoint."""
    rds = peer.client("rds")
    end = time.perf_counter() + deadline
    while time.perf_counter() < end:
        instance = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        if instance["DBInstanceStatus"] == "available":
            place = instance["Endpoint"]
            return psycopg.connect(
                host=place["Address"],
                port=place["Port"],
                user="shop",
                password=PASSWORD,
                dbname="postgres",
                sslmode="require",
                autocommit=True,
            )
        time.sleep(0.02)
    raise RuntimeError(f"{name} did not become available within {deadline} s")


def _memory_of_children(peer: Peer) -> float:
    """Proportional memory of all engine processes, in MB."""
    total = 0
    for process in psutil.process_iter(["name", "ppid"]):
        if "postgres" in (process.info["name"] or ""):
            try:
                if peer.state and _belongs(process, peer):
                    total += process.memory_full_info().pss
            except psutil.Error:
                continue
    return total / 1e6


def _belongs(process: psutil.Process, peer: Peer) -> bool:
    return any(ancestor.pid == peer.pid for ancestor in process.parents())


def create_to_sql(times: int = 7) -> Iterator[Figure]:
    """create_db_instance to the first answered SQL over the endpoint, and what an idle database weighs."""
    with localaws() as peer:
        network = open_network(peer)
        taken = []
        for number in range(times):
            start = time.perf_counter()
            create(peer, f"bench{number}", **network)
            with connect(peer, f"bench{number}") as connection:
                connection.execute("select 1")
            taken.append(time.perf_counter() - start)
        time.sleep(2)  # let the new servers' start-up work settle before they are weighed
        weight = _memory_of_children(peer) / times
    value = statistics.median(taken)
    yield Figure(
        name="create_db_instance to first SQL",
        ours=f"{value:.2f} s (worst of {times}: {max(taken):.2f} s)",
        peer="moto, MiniStack without Docker: no database",
        goal="≤ 1.5 s",
        reached=value <= 1.5,
    )
    yield Figure(
        name="memory, one idle database",
        ours=f"{weight:.1f} MB (PSS)",
        peer="–",
        goal="≤ 15 MB",
        reached=0 < weight <= 15,
    )


def snapshot_and_restore() -> Iterator[Figure]:
    """A manual snapshot of a 200 MB database, and its restore to the first SQL."""
    with localaws() as peer:
        network = open_network(peer)
        create(peer, "source", **network)
        with connect(peer, "source") as connection:
            connection.execute(
                "create table filler as select n, md5(n::text) as a, md5((n + 1)::text) as b "
                f"from generate_series(1, {ROWS_FOR_200_MB}) n"
            )
            size = connection.execute("select pg_database_size('postgres')").fetchone()
        rds = peer.client("rds")
        start = time.perf_counter()
        rds.create_db_snapshot(DBInstanceIdentifier="source", DBSnapshotIdentifier="snap")
        while (
            rds.describe_db_snapshots(DBSnapshotIdentifier="snap")["DBSnapshots"][0]["Status"] != "available"
        ):
            time.sleep(0.02)
        snapshot = time.perf_counter() - start
        start = time.perf_counter()
        rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="copy", DBSnapshotIdentifier="snap", **network
        )
        with connect(peer, "copy") as connection:
            connection.execute("select n from filler limit 1")
        restore = time.perf_counter() - start
    megabytes = size[0] / 1e6 if size else 0
    yield Figure(
        name=f"restore of {megabytes:.0f} MB to first SQL",
        ours=f"{restore:.2f} s (snapshot {snapshot:.2f} s)",
        peer="moto: a record without rows",
        goal="≤ 2.5 s",
        reached=restore <= 2.5,
    )


def run_pgbench(program: str, target: dict[str, str], clients: int, seconds: int = 4) -> float:
    """Run a select-only pgbench; transactions per second."""
    words = " ".join(f"{key}={value}" for key, value in target.items())
    done = subprocess.run(
        [program, "-n", "-S", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(seconds), words],
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps = "))
    return float(line.split()[2])
