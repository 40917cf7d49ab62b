"""Which process stands for whom: connections of a host's processes carry its place in the network."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from localaws.network import OUTSIDE, Origin


class Identities:
    """The processes that are more than the notebook outside, and whose they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._origins: dict[int, Origin] = {}

    def add(self, pid: int, origin: Origin) -> None:
        """Let the connections of a process and its descendants count as coming from there."""
        with self._lock:
            self._origins[pid] = origin

    def remove(self, pid: int) -> None:
        """Forget a process that has ended."""
        with self._lock:
            self._origins.pop(pid, None)

    @contextlib.contextmanager
    def listed(self, pid: int, origin: Origin) -> Iterator[None]:
        """Know a process for as long as the block lasts."""
        self.add(pid, origin)
        try:
            yield
        finally:
            self.remove(pid)

    def pids(self) -> list[int]:
        """Return the first process of each."""
        with self._lock:
            return list(self._origins)

    def recognise(self, peer: tuple[str, int]) -> Origin:
        """Tell whose connection comes from this address and port."""
        with self._lock:
            known = {pid: origin for pid, origin in self._origins.items() if origin != OUTSIDE}
        if not known:
            return OUTSIDE
        for pid, family in families(known).items():
            if any(_holds(each, peer) for each in family):
                return known[pid]
        return OUTSIDE


def families(pids: Iterable[int]) -> dict[int, list[int]]:
    """Return each process with all of its descendants."""
    return {pid: _family(pid) for pid in pids}


def _family(pid: int) -> list[int]:
    found, waiting = [pid], [pid]
    while waiting:
        below = _children(waiting.pop())
        found += below
        waiting += below
    return found


def _children(pid: int) -> list[int]:
    """Its children, as the kernel lists them where it does, without a look at every process."""
    try:
        listed = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
        return []
    return [int(word) for line in listed for word in line.split()]


def listeners(pids: Iterable[int]) -> set[tuple[int, str, int]]:
    """Return process, address and port of every TCP socket on which one of the processes listens."""
    found = set()
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            for each in psutil.Process(pid).net_connections("tcp"):
                if each.status == psutil.CONN_LISTEN:
                    found.add((pid, str(each.laddr[0]), int(each.laddr[1])))
    return found


def _holds(pid: int, peer: tuple[str, int]) -> bool:
    """Whether the process has the socket with this local address."""
    try:
        return any(tuple(found.laddr) == peer for found in psutil.Process(pid).net_connections("tcp"))
    except psutil.Error:
        return False
