"""DynamoDB's calls beside moto_server and MiniStack: one client's latency, eight clients' throughput.

Both through boto3, whose own time is the larger part, and by calls that were signed before.
"""

import functools
import itertools
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.pool import Pool
from typing import Any

from bench.figure import Figure, interleaved, ms
from bench.peers import Peer, has_ministack, localaws, ministack, moto
from bench.signed import Wire

CLIENTS = 8
SECONDS = 1.0
ROUNDS = 3
MOTO_FACTOR = 1.3
CALLS = {"put_item": "PutItem", "get_item": "GetItem", "query": "Query"}
TITLES = {"put_item": "put_item", "get_item": "get_item", "query": "query of 10"}
WAYS = {"boto3": "boto3", "wire": "calls signed before"}
PREPARED = 200
ITEMS, BATCH, PARTITIONS = 1000, 25, 20

Action = Callable[[], object]


def make_table(peer: Peer) -> None:
    """Make a table of 1,000 items with an index that they are not in."""
    dynamodb = peer.client("dynamodb")
    attributes = ("pk", "sk", "kind")
    dynamodb.create_table(
        TableName="bench",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in attributes],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-kind",
                "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.get_waiter("table_exists").wait(TableName="bench", WaiterConfig={"Delay": 1})
    for first in range(0, ITEMS, BATCH):
        puts = [{"PutRequest": {"Item": _item("0", first + number)}} for number in range(BATCH)]
        dynamodb.batch_write_item(RequestItems={"bench": puts})


def _item(partition: str, number: int) -> dict[str, dict[str, str]]:
    return {
        "pk": {"S": partition},
        "sk": {"S": f"{number:06}"},
        "price": {"N": str(number)},
        "page": {"S": "x" * 200},
    }


def _arguments(name: str, partition: str, turn: int) -> dict[str, Any]:
    """Arguments of a call: puts go to partitions of the client's own, reads go all to the same one."""
    place = turn * 7 % ITEMS
    if name == "put_item":
        return {"Item": _item(f"{partition}/{turn % PARTITIONS}", turn)}
    if name == "get_item":
        return {"Key": {"pk": {"S": "0"}, "sk": {"S": f"{place:06}"}}}
    return {
        "KeyConditionExpression": "pk = :p AND sk >= :from",
        "ExpressionAttributeValues": {":p": {"S": "0"}, ":from": {"S": f"{place:06}"}},
        "Limit": 10,
    }


@functools.cache
def action(peer: Peer, way: str, name: str, partition: str) -> Action:
    """Return what makes one call after the other; kept, because clients are slow to make."""
    if way == "wire":
        wire = Wire(peer)
        documents = [{"TableName": "bench"} | _arguments(name, partition, turn) for turn in range(PREPARED)]
        return wire.turns(CALLS[name], documents)
    call = getattr(_client(peer), name)
    turns = itertools.count()
    return lambda: call(TableName="bench", **_arguments(name, partition, next(turns)))


@functools.cache
def _client(peer: Peer) -> Any:
    return peer.client("dynamodb")


def _peers(stack: ExitStack) -> list[Peer]:
    found = [stack.enter_context(localaws()), stack.enter_context(moto())]
    if has_ministack():
        found.append(stack.enter_context(ministack()))
    for peer in found:
        make_table(peer)
    return found


def items(times: int = 200) -> Iterator[Figure]:
    """p50 of put_item, get_item and query, calls in turns; then what eight processes get done together."""
    with ExitStack() as stack:
        peers = _peers(stack)
        for way, name in itertools.product(WAYS, CALLS):
            taken = interleaved([action(peer, way, name, "one") for peer in peers], times)
            # time: the smaller the better
            yield _figure(f"{TITLES[name]}, {WAYS[way]}, p50", peers, taken, ms, smaller=True)
        processes = multiprocessing.get_context("spawn")
        pool = stack.enter_context(processes.Pool(CLIENTS, _join, (processes.Barrier(CLIENTS),)))
        for way, name in itertools.product(WAYS, CALLS):
            rates = _throughput(pool, peers, way, name)
            title = f"{TITLES[name]}, {WAYS[way]}, {CLIENTS} clients"
            yield _figure(title, peers, rates, _rate, smaller=False)


def _rate(value: float) -> str:
    return f"{value:,.0f} calls/s"


def _figure(
    name: str, peers: list[Peer], values: list[float], show: Callable[[float], str], *, smaller: bool
) -> Figure:
    ours, *others = values
    factors = [other / ours if smaller else ours / other for other in others]
    described = ", ".join(
        f"{peer.name} {show(value)} (here {factor:.2f}× as fast)"
        for peer, value, factor in zip(peers[1:], others, factors, strict=True)
    )
    return Figure(
        name=f"DynamoDB {name}",
        ours=show(ours),
        peer=described,
        goal=f"≥ {MOTO_FACTOR} × moto, ≥ MiniStack",
        reached=factors[0] >= MOTO_FACTOR and all(factor >= 1 for factor in factors[1:]),
    )


_together: list[Any] = []


def _join(barrier: Any) -> None:
    """Let a client know where all of them meet before they begin."""
    _together.append(barrier)


def _work(peer: Peer, way: str, name: str) -> int:
    """Call as fast as it goes until the time is over; how often that was."""
    call = action(peer, way, name, f"client {os.getpid()}")
    call()
    _together[0].wait()
    end = time.perf_counter() + SECONDS
    done = 0
    while time.perf_counter() < end:
        call()
        done += 1
    return done


def _throughput(pool: Pool, peers: list[Peer], way: str, name: str) -> list[float]:
    """Calls a second of each peer, in turns; processes, because threads would measure the client's lock."""
    found: list[list[float]] = [[] for _ in peers]
    for _ in range(ROUNDS):
        for rates, peer in zip(found, peers, strict=True):
            done = pool.starmap(_work, [(peer, way, name)] * CLIENTS, chunksize=1)
            rates.append(sum(done) / SECONDS)
    return [statistics.median(rates) for rates in found]
