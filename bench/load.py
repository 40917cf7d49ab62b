"""Mixed API calls from eight clients while a database fails over: how many, how fast, how many 5xx."""

import itertools
import multiprocessing
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from bench.figure import Figure
from bench.peers import Peer, localaws
from bench.rds import connect, create, open_network

CLIENTS = 8
RATE = 200.0  # calls a second, all clients together
SECONDS = 60.0
BETWEEN_FAILOVERS = 15.0

Seen = list[tuple[int, float]]
"""HTTP status and seconds of each call."""


def _calls(peer: Peer, number: int) -> Iterator[Callable[[], Any]]:
    """The mix of one client without end: reads of several services, and writes with names of its own."""
    rds, dynamodb = peer.client("rds"), peer.client("dynamodb")
    cloudwatch, secrets = peer.client("cloudwatch"), peer.client("secretsmanager")
    ec2 = peer.client("ec2")
    choice = random.Random(number)
    reads: list[Callable[[], Any]] = [
        lambda: rds.describe_db_instances(),
        lambda: rds.describe_events(Duration=60),
        lambda: rds.describe_db_instances(DBInstanceIdentifier="none"),
        lambda: ec2.describe_security_groups(),
        lambda: cloudwatch.describe_alarms(),
        lambda: secrets.list_secrets(),
        lambda: dynamodb.get_item(TableName="load", Key={"id": {"S": f"{number}-1"}}),
    ]

    def writes(serial: int) -> list[Callable[[], Any]]:
        name = f"load-{number}-{serial}"
        datum = {"MetricName": "n", "Value": float(serial)}
        return [
            lambda: rds.create_db_parameter_group(
                DBParameterGroupName=name, DBParameterGroupFamily="postgres18", Description="load"
            ),
            lambda: dynamodb.put_item(TableName="load", Item={"id": {"S": f"{number}-{serial % 100}"}}),
            lambda: cloudwatch.put_metric_data(Namespace="Load", MetricData=[datum]),
            lambda: rds.delete_db_parameter_group(DBParameterGroupName=name),
        ]

    for serial in itertools.count():
        yield from itertools.chain.from_iterable(
            (write, choice.choice(reads), choice.choice(reads)) for write in writes(serial)
        )


def _client(peer: Peer, number: int, begin: float) -> Seen:
    """Call at this client's share of the rate until the time is over; a late client catches up."""
    seen: Seen = []
    calls = _calls(peer, number)
    due = begin
    while (now := time.time()) < begin + SECONDS:
        if now < due:
            time.sleep(due - now)
        due += CLIENTS / RATE
        start = time.perf_counter()
        try:
            next(calls)()
            status = 200
        except ClientError as error:
            status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        seen.append((status, time.perf_counter() - start))
    return seen


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
        # processes: threads of one Python would measure the client's own lock
        with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
            begin = time.time() + 4
            running = pool.starmap_async(_client, [(peer, number, begin) for number in range(CLIENTS)])
            failovers = _fail_over(peer, begin + SECONDS)
            seen = list(itertools.chain.from_iterable(running.get(SECONDS + 60)))
    wrong = sum(status >= 500 for status, _ in seen)
    taken = [seconds for _, seconds in seen]
    rate = len(seen) / SECONDS
    yield Figure(
        name=f"{CLIENTS} clients, mixed calls, {failovers} failovers meanwhile",
        ours=(
            f"{rate:.0f} calls/s for {SECONDS:.0f} s, p50 {statistics.median(taken) * 1000:.0f} ms, "
            f"worst {max(taken):.2f} s, 5xx: {wrong}"
        ),
        peer="–",
        goal="200 calls/s for 60 s, no 5xx",
        reached=rate >= 0.98 * RATE and wrong == 0,
    )


def _fail_over(peer: Peer, end: float) -> int:
    rds = peer.client("rds")
    done = 0
    while time.time() + BETWEEN_FAILOVERS < end:
        time.sleep(BETWEEN_FAILOVERS)
        rds.reboot_db_instance(DBInstanceIdentifier="pair", ForceFailover=True)
        done += 1
    return done
