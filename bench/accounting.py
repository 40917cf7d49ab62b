"""What capacity costs: the arithmetic, the admission and the counting, beside all that a call costs."""

import time
from collections.abc import Callable, Iterator

import psutil

from bench import items
from bench.figure import Figure
from bench.peers import localaws
from localaws.dynamodb import capacity
from localaws.dynamodb.admission import Admission
from localaws.dynamodb.records import Edit, Record
from localaws.dynamodb.schema import IndexSchema, KeyAttribute, TableSchema
from localaws.dynamodb.throttle import Limits

CALLS = 1500
TIMES = 20_000
ROUNDS = 5
SHARE = 0.10
SIZE = 250


def _schema() -> TableSchema:
    """Return a table like the one of the calls: on demand, with an index that the items are not in."""
    key, sort, kind = (KeyAttribute(name, "S") for name in ("pk", "sk", "kind"))
    # on demand is told by the absence of a bound; the warm throughput keeps the partitions from refusing
    limits = Limits(provisioned=None, highest={}, warm={"Read": 1e7, "Write": 1e7})
    return TableSchema(
        account="123456789012",
        region="us-east-1",
        name="bench",
        id="bench",
        arn="arn:aws:dynamodb:us-east-1:123456789012:table/bench",
        status="ACTIVE",
        hash=key,
        range=sort,
        indexes={"by-kind": IndexSchema("by-kind", kind, None, "ALL", frozenset(), is_global=True)},
        billing_mode="PAY_PER_REQUEST",
        limits={None: limits, "by-kind": limits},
        logged=False,
        stream_view=None,
        ttl_attribute=None,
    )


def _parts() -> dict[str, Callable[[], None]]:
    """Return what is done for capacity in one call of each kind."""
    # a second passes from call to call, so that nothing is refused
    seconds = iter(range(1, 10**9))
    admission = Admission(clock=lambda: float(next(seconds)))
    schema, place = _schema(), (b"\0\0\0\0one", b"two")
    edit = Edit(place, None, Record(SIZE, b"{}"))

    def put() -> None:
        units = capacity.units_of_edit(edit, [])
        admission.admit(schema, writes=units, partition=place[0])
        capacity.consumed(schema, None, units)
        admission.account(schema, "PutItem", writes=units, seconds=0.001)

    def read(operation: str, size: int, returned: int | None) -> None:
        units: capacity.Units = {None: capacity.read_units(size, consistent=False)}
        admission.admit(schema, reads=units, partition=place[0])
        capacity.consumed(schema, None, units)
        admission.account(schema, operation, reads=units, seconds=0.001, returned=returned)

    def get() -> None:
        read("GetItem", SIZE, None)

    def query() -> None:
        read("Query", 10 * SIZE, 10)

    return {"put_item": put, "get_item": get, "query": query}


def _each(action: Callable[[], None]) -> float:
    """Seconds of processor time that an action takes, in the quietest of some rounds."""
    taken = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        for _ in range(TIMES):
            action()
        taken.append((time.thread_time() - start) / TIMES)
    return min(taken)


def _per_call(pid: int, action: Callable[[], object]) -> float:
    """Seconds of processor time that a call takes in the server."""
    server = psutil.Process(pid)
    for _ in range(CALLS // 10):
        action()
    before = sum(server.cpu_times()[:2])
    for _ in range(CALLS):
        action()
    return float(sum(server.cpu_times()[:2]) - before) / CALLS


def accounting() -> Iterator[Figure]:
    """The parts are timed in this process, the calls by the processor time of the server."""
    with localaws() as peer:
        items.make_table(peer)
        whole = {name: _per_call(peer.pid, items.action(peer, "wire", name, "one")) for name in items.CALLS}
    parts = {name: _each(action) for name, action in _parts().items()}
    shares = {name: parts[name] / whole[name] for name in whole}
    yield Figure(
        name="DynamoDB, capacity accounting's part of a call",
        ours=", ".join(f"{name} {share:.1%}" for name, share in shares.items()),
        peer=", ".join(f"{name}: {parts[name] * 1e6:.0f} of {whole[name] * 1e6:.0f} µs" for name in whole),
        goal=f"≤ {SHARE:.0%}",
        reached=max(shares.values()) <= SHARE,
    )
