"""DynamoDB's calls beside moto_server and MiniStack: one client's latency, eight clients' throughput."""

import itertools
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from bench.figure import Figure, interleaved, ms
from bench.peers import Peer, has_ministack, localaws, ministack, moto

CLIENTS = 8
SECONDS = 4.0
ROUNDS = 3
MOTO_FACTOR = 1.3

Action = Callable[[], object]


def _table(peer: Peer) -> None:
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
    for number in range(1000):
        dynamodb.put_item(TableName="bench", Item=_item("0", number))


def _item(partition: str, number: int) -> dict[str, dict[str, str]]:
    return {
        "pk": {"S": partition},
        "sk": {"S": f"{number:06}"},
        "price": {"N": str(number)},
        "page": {"S": "x" * 200},
    }


def _actions(peer: Peer, partition: str = "0") -> dict[str, Action]:
    dynamodb = peer.client("dynamodb")
    numbers = itertools.count(10_000)
    reads = itertools.cycle(range(0, 1000, 7))

    def put() -> object:
        return dynamodb.put_item(TableName="bench", Item=_item(partition, next(numbers)))

    def get() -> object:
        key = {name: value for name, value in _item("0", next(reads)).items() if name in ("pk", "sk")}
        return dynamodb.get_item(TableName="bench", Key=key)

    def query() -> object:
        return dynamodb.query(
            TableName="bench",
            KeyConditionExpression="pk = :p AND sk >= :from",
            ExpressionAttributeValues={":p": {"S": "0"}, ":from": {"S": f"{next(reads):06}"}},
            Limit=10,
        )

    return {"put_item": put, "get_item": get, "query of 10": query}


def _peers(stack: ExitStack) -> list[Peer]:
    found = [stack.enter_context(localaws()), stack.enter_context(moto())]
    if has_ministack():
        found.append(stack.enter_context(ministack()))
    for peer in found:
        _table(peer)
    return found


def items(times: int = 300) -> Iterator[Figure]:
    """p50 of put_item, get_item and query, calls in turns; then what eight processes get done together."""
    with ExitStack() as stack:
        peers = _peers(stack)
        actions = [_actions(peer) for peer in peers]
        for name in actions[0]:
            ours, *others = interleaved([each[name] for each in actions], times)
            # time: the smaller the better
            yield _figure(f"DynamoDB {name}, p50", peers, [ours, *others], ms, smaller=True)
        for name in actions[0]:
            rates = _throughput(peers, name)
            yield _figure(f"DynamoDB {name}, {CLIENTS} clients", peers, rates, _rate, smaller=False)


def _rate(value: float) -> str:
    return f"{value:,.0f} calls/s"


def _figure(
    name: str, peers: list[Peer], values: list[float], show: Callable[[float], str], *, smaller: bool
) -> Figure:
    ours, *others = values
    factors = [other / ours if smaller else ours / other for other in others]
    described = ", ".join(
        f"{peer.name} {show(value)} ({factor:.2f}× as fast here)"
        for peer, value, factor in zip(peers[1:], others, factors, strict=True)
    )
    return Figure(
        name=name,
        ours=show(ours),
        peer=described,
        goal=f"≥ {MOTO_FACTOR} × moto, ≥ MiniStack",
        reached=factors[0] >= MOTO_FACTOR and all(factor >= 1 for factor in factors[1:]),
    )


def _client(peer: Peer, number: int, name: str, begin: float) -> int:
    """Call as fast as it goes until the time is over; how often that was."""
    action = _actions(peer, str(number))[name]
    action()
    time.sleep(max(0.0, begin - time.time()))
    done = 0
    while time.time() < begin + SECONDS:
        action()
        done += 1
    return done


def _throughput(peers: list[Peer], name: str) -> list[float]:
    """Calls a second of each peer, in turns; processes, because threads would measure the client's lock."""
    found: list[list[float]] = [[] for _ in peers]
    with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
        for turn in range(ROUNDS):
            for place, peer in enumerate(peers):
                begin = time.time() + (5 if turn == place == 0 else 1)
                clients = [(peer, turn * CLIENTS + number, name, begin) for number in range(CLIENTS)]
                done = pool.starmap(_client, clients)
                found[place].append(sum(done) / SECONDS)
    return [statistics.median(rates) for rates in found]
