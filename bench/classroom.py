"""Forty users' servers on one machine: what they weigh, and how long each takes to start."""

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil

from bench.figure import Figure
from bench.peers import Peer, localaws
from bench.rds import connect, create, open_network

USERS = 40


def classroom() -> Iterator[Figure]:
    """Start forty servers one after the other, then a database in each."""
    with ExitStack() as stack:
        peers = [stack.enter_context(localaws()) for _ in range(USERS)]
        yield _figure("server", [peer.started_in for peer in peers], peers)
        taken = []
        for number, peer in enumerate(peers):
            network = open_network(peer)
            begin = time.perf_counter()
            create(peer, f"shop{number}", **network)
            with connect(peer, f"shop{number}") as connection:
                connection.execute("select 1")
            taken.append(time.perf_counter() - begin)
        yield _figure("database", taken, peers)


def _figure(what: str, started: list[float], peers: list[Peer]) -> Figure:
    weights = [_weight(peer.pid) for peer in peers]
    return Figure(
        name=f"{USERS} users on one machine, each with a {what}",
        ours=(
            f"{sum(weights) / 1000:.2f} GB (PSS), {statistics.median(weights):.0f} MB each; the {what} "
            f"answers after {statistics.median(started):.2f} s (the last {started[-1]:.2f} s)"
        ),
        peer="–",
        goal="–",
        reached=None,
    )


def _weight(pid: int) -> float:
    """Proportional memory of a server and all its processes, in MB."""
    server = psutil.Process(pid)
    total = 0
    for process in (server, *server.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6
