"""Mixed API calls from eight clients while a database fails over: how many, how fast, how many 5xx."""

import itertools
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from bench.figure import Figure
from bench.peers import Peer, localaws
from bench.rds import connect, create, open_network

CLIENTS = 8
RATE = 200.0  # calls a second, all clients together
SECONDS = 60.0


@dataclass
class Tally:
    """What the clients have seen."""

    statuses: Counter[int] = field(default_factory=Counter)
    taken: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, status: int, seconds: float) -> None:
        """Count one call."""
        with self.lock:
            self.statuses[status] += 1
            self.taken.append(seconds)


def _calls(peer: Peer, number: int) -> list[Callable[[], Any]]:
    """The mix of one client: reads of several services, and writes with names of its own."""
    rds, dynamodb = peer.client("rds"), peer.client("dynamodb")
    cloudwatch, secrets = peer.client("cloudwatch"), peer.client("secretsmanager")
    ec2 = peer.client("ec2")
    serial = itertools.count()

    def parameter_group() -> None:
        name = f"load-{number}-{next(serial)}"
        rds.create_db_parameter_group(
            DBParameterGroupName=name, DBParameterGroupFamily="postgres18", Description="load"
        )
        rds.delete_db_parameter_group(DBParameterGroupName=name)

    def datum() -> None:
        cloudwatch.put_metric_data(
            Namespace="Load", MetricData=[{"MetricName": "n", "Value": float(next(serial))}]
        )

    def item() -> None:
        key = {"S": f"{number}-{next(serial) % 100}"}
        dynamodb.put_item(TableName="load", Item={"id": key})
        dynamodb.get_item(TableName="load", Key={"id": key})

    return [
        lambda: rds.describe_db_instances(),
        lambda: rds.describe_events(Duration=60),
        lambda: rds.describe_db_instances(DBInstanceIdentifier="none"),
        lambda: ec2.describe_security_groups(),
        lambda: cloudwatch.describe_alarms(),
        lambda: secrets.list_secrets(),
        parameter_group,
        datum,
        item,
    ]


def _client(peer: Peer, number: int, tally: Tally, end: float) -> None:
    calls = _calls(peer, number)
    choice = random.Random(number)
    due = time.perf_counter()
    while (now := time.perf_counter()) < end:
        if now < due:
            time.sleep(due - now)
        # the mix has about 1.25 requests a turn; the tally counts turns, so the rate is at least the goal
        due += CLIENTS / RATE
        start = time.perf_counter()
        try:
            choice.choice(calls)()
            status = 200
        except ClientError as error:
            status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        tally.add(status, time.perf_counter() - start)


def load() -> Iterator[Figure]:
    """200 calls/s for 60 s with 8 clients, a forced failover every 15 s."""
    with localaws() as peer:
        network = open_network(peer)
        create(peer, "pair", **network, MultiAZ=True)
        connect(peer, "pair").close()
        peer.client("dynamodb").create_table(
            TableName="load",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        tally = Tally()
        start = time.perf_counter()
        threads = [
            threading.Thread(target=_client, args=(peer, number, tally, start + SECONDS))
            for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        failovers = _fail_over(peer, start + SECONDS)
        for thread in threads:
            thread.join()
        taken = time.perf_counter() - start
    wrong = sum(count for status, count in tally.statuses.items() if status >= 500)
    rate = len(tally.taken) / taken
    worst = max(tally.taken)
    yield Figure(
        name=f"{CLIENTS} clients, mixed calls, {failovers} failovers meanwhile",
        ours=(
            f"{rate:.0f} calls/s for {taken:.0f} s, p50 {statistics.median(tally.taken) * 1000:.0f} ms, "
            f"worst {worst:.2f} s, 5xx: {wrong}"
        ),
        peer="–",
        goal="200 calls/s for 60 s, no 5xx",
        reached=rate >= 0.98 * RATE and wrong == 0,
    )


def _fail_over(peer: Peer, end: float) -> int:
    rds = peer.client("rds")
    done = 0
    while time.perf_counter() + 15 < end:
        time.sleep(15)
        rds.reboot_db_instance(DBInstanceIdentifier="pair", ForceFailover=True)
        done += 1
    return done
