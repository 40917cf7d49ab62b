"""Start-up, latency and memory of the API, beside moto_server and MiniStack."""

import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

from bench.figure import Figure, interleaved, ms
from bench.peers import Peer, has_ministack, localaws, ministack, moto


def _starts(server: Callable[[], AbstractContextManager[Peer]], times: int) -> float:
    found = []
    for _ in range(times):
        with server() as peer:
            found.append(peer.started_in)
    return statistics.median(found)


def cold_start(times: int = 5) -> Iterator[Figure]:
    """Process start to the first answered, signed sts get_caller_identity."""
    ours, theirs = _starts(localaws, times), _starts(moto, times)
    peers = f"moto_server {theirs:.2f} s"
    reached = ours <= 1.0
    if has_ministack():
        mini = _starts(ministack, times)
        peers += f", MiniStack {mini:.2f} s ({ours / mini:.2f}×)"
        reached = reached and ours <= 1.5 * mini
    yield Figure(
        name="start to first call",
        ours=f"{ours:.2f} s",
        peer=peers,
        goal="≤ 1.0 s and ≤ 1.5 × MiniStack",
        reached=reached,
    )


def _put(peer: Peer) -> Callable[[], object]:
    dynamodb = peer.client("dynamodb")
    dynamodb.create_table(
        TableName="bench",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.get_waiter("table_exists").wait(TableName="bench")
    numbers = iter(range(1_000_000))
    return lambda: dynamodb.put_item(TableName="bench", Item={"id": {"S": str(next(numbers))}})


def _describe(peer: Peer) -> Callable[[], object]:
    rds = peer.client("rds")
    try:
        rds.create_db_instance(
            DBInstanceIdentifier="bench",
            Engine="postgres",
            DBInstanceClass="db.t3.micro",
            AllocatedStorage=20,
            MasterUsername="shop",
            MasterUserPassword="correct-horse",
        )
        rds.get_waiter("db_instance_available").wait(
            DBInstanceIdentifier="bench", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
    except (rds.exceptions.ClientError, rds.exceptions.DBInstanceAlreadyExistsFault):
        if peer.name == "localaws":
            raise
    return lambda: rds.describe_db_instances()


def latency(times: int = 200) -> Iterator[Figure]:
    """p50 of put_item and describe_db_instances, calls taken in turns."""
    with ExitStack() as stack:
        peers = [stack.enter_context(localaws()), stack.enter_context(moto())]
        if has_ministack():
            peers.append(stack.enter_context(ministack()))
        for name, prepare in (("put_item", _put), ("describe_db_instances", _describe)):
            actions = [prepare(peer) for peer in peers]
            ours, *others = interleaved(actions, times)
            described = ", ".join(
                f"{peer.name} {ms(value)} ({ours / value:.2f}×)"
                for peer, value in zip(peers[1:], others, strict=True)
            )
            yield Figure(
                name=f"{name}, p50", ours=ms(ours), peer=described, goal="≤ moto's", reached=ours <= others[0]
            )


def memory() -> Iterator[Figure]:
    """Resident memory after the first call."""
    with localaws() as ours, moto() as theirs:
        mine, other = ours.resident(), theirs.resident()
    yield Figure(
        name="memory, idle server",
        ours=f"{mine:.0f} MB",
        peer=f"moto_server {other:.0f} MB",
        goal="≤ 120 MB",
        reached=mine <= 120,
    )
