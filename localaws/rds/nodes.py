"""The servers that hold one database together: a primary, and standbys that hold every acknowledged commit.

Who may lead is on the disk, not in the model: a cluster that is no standby is a primary, and of two the one
with the higher timeline. A standby may be promoted only while its home is marked in sync; the mark goes,
durably, before the primary stops waiting for that standby.
"""

from __future__ import annotations

import datetime
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from localaws.engines import process, standby, timelines
from localaws.engines.postgres import PostgresServer
from localaws.engines.process import EngineFailed
from localaws.errors import LocalawsError

log = logging.getLogger(__name__)

LIMITS = """
SELECT name, setting FROM pg_settings WHERE name IN ('max_connections', 'max_worker_processes',
    'max_wal_senders', 'max_prepared_transactions', 'max_locks_per_transaction') ORDER BY name
"""
"""Settings that a standby may not have smaller than its source: a running one keeps larger ones."""
FOLLOW_SECONDS = 10.0
ZONE = "zone"
"""File of a home that names the Availability Zone it was made in."""

UNHEALTHY = "The primary host of the RDS Multi-AZ instance is unhealthy."
UNREACHABLE = (
    "The primary host of the RDS Multi-AZ instance is unreachable due to loss of network connectivity."
)
REQUESTED = "The user requested a failover of the DB instance."


class NodeDown(LocalawsError):
    """No server of a group can run now."""


@dataclass(eq=False)
class Node:
    """One server of a group; its name is what its source calls it."""

    name: str
    server: PostgresServer
    held: bool = False
    """Whether it has to stay down: its Availability Zone is."""
    tier: int = 0
    """Of several standbys in sync the lowest is promoted."""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether it has a cluster."""
        return self.server.data.is_dir()

    @property
    def leads(self) -> bool:
        """Whether its cluster is a primary's, running or not."""
        return self.exists and not standby.is_standby(self.server.home)

    @property
    def in_sync(self) -> bool:
        """Whether it is a standby that holds every acknowledged commit."""
        return self.exists and not self.leads and standby.is_in_sync(self.server.home)

    @property
    def zone(self) -> str | None:
        """The Availability Zone it was made in."""
        path = self.server.home / ZONE
        return path.read_text() if path.exists() else None

    @zone.setter
    def zone(self, name: str) -> None:
        (self.server.home / ZONE).write_text(name)


@dataclass(frozen=True)
class Takeover:
    """A standby has become the primary, and the model does not know of it yet."""

    former: str
    primary: str
    zone: str | None
    reason: str
    began: str
    """When the former primary was given up, in UTC."""


def _limits(node: Node) -> list[tuple[str, str]]:
    with node.server.connect() as connection:
        return [(str(name), str(value)) for name, value in connection.execute(LIMITS)]


class Group:
    """The nodes of one database. Who is what changes only under `lock`, under which no other lock is taken.

    `moved` is called, under it, with the primary that clients are to be led to, or None while there is none;
    `changed` when somebody should look after the group.
    """

    def __init__(
        self, link: Path, *, moved: Callable[[Node | None], None], changed: Callable[[], None]
    ) -> None:
        self.lock = threading.RLock()
        self.upkeep = threading.Lock()
        """Held by whoever brings standbys in, which takes long."""
        self.link = link
        self.nodes: dict[str, Node] = {}
        self.primary: Node | None = None
        self.listed: set[str] = set()
        """Names of the standbys that commits wait for."""
        self.takeovers: list[Takeover] = []
        self._moved = moved
        self._changed = changed
        self._expected: set[int] = set()
        self._watched: dict[str, int] = {}
        self._begun = False

    # -- who is what

    def add(self, node: Node) -> Node:
        """Take a node in, or another one in the place of one that is down."""
        with self.lock:
            self.nodes[node.name] = node
            if not self.alive():
                self._look()
            return node

    def _look(self) -> Node | None:
        """Find the primary on the disk; a lone standby (a read replica) leads its own group."""
        made = [node for node in self.members if node.exists]
        leading = [node for node in made if node.leads]
        if len(leading) > 1:
            leading.sort(key=lambda node: standby.timeline(node.server))
        self.primary = leading[-1] if leading else made[0] if len(made) == 1 else None
        return self.primary

    @property
    def members(self) -> list[Node]:
        """All nodes, as they are now."""
        return list(self.nodes.values())

    @property
    def standbys(self) -> list[Node]:
        """All nodes but the primary."""
        return [node for node in self.members if node is not self.primary]

    @property
    def serving(self) -> list[Node]:
        """The primary and the standbys that commits wait for, as far as they run."""
        found = [node for node in self.members if node is self.primary or node.name in self.listed]
        return [node for node in found if node.server.alive()]

    def alive(self) -> bool:
        """Whether the primary runs."""
        return self.primary is not None and self.primary.server.alive()

    @property
    def held(self) -> bool:
        """Whether no server may run, because of the Availability Zones that are down."""
        down = any(node.held for node in self.members)
        return down and (self.primary is None or self.primary.held) and self.successor() is None

    def successor(self) -> Node | None:
        """The standby to promote: it holds all that was acknowledged, and may run."""
        able = [node for node in self.standbys if node.in_sync and not node.held]
        return min(able, key=lambda node: (not node.server.alive(), node.tier), default=None)

    # -- running

    def lead(self, node: Node) -> None:
        """Let a node whose server has just been made be the primary."""
        with self.lock:
            self.primary = node
            self._begun = True
            self._open(node)

    def start(self) -> Node:
        """Return the running primary: the one there is, a promoted standby, or the former one started again.

        A primary that died is replaced by a standby in sync; when the local AWS starts, by none.
        """
        with self.lock:
            if self.primary is not None and self.primary.server.alive():
                return self.primary
            primary, successor = self._look(), self.successor()
            if successor is not None and (self._begun or primary is None or primary.held):
                return self._take_over(successor, UNHEALTHY)
            if primary is None or primary.held:
                raise self._why_down()
            try:
                return self._start(primary)
            except EngineFailed as error:
                if successor is None:
                    raise
                log.warning("%s does not start, a standby takes over: %s", primary.server.home.name, error)
                return self._take_over(successor, UNHEALTHY)

    def _why_down(self) -> LocalawsError:
        down = sorted({node.zone or "" for node in self.members if node.held} - {""})
        if not down:
            return EngineFailed("its data are not here: restore a snapshot, or delete the instance")
        return NodeDown(
            f"the Availability Zone {' and '.join(down)} is down (a connection would time out on AWS). "
            f"Bring it back with `localaws zone restore {down[-1]}`"
        )

    def _start(self, primary: Node) -> Node:
        self._moved(None)
        primary.server.configure(primary.settings)
        if primary.leads:
            timelines.abandon_later(primary.server)
        primary.server.start()
        if not standby.is_standby(primary.server.home):
            self._wait_only_for(node.name for node in self.standbys if node.server.alive() and node.in_sync)
        self._begun = True
        self._open(primary)
        return primary

    def _open(self, primary: Node) -> None:
        standby.point(self.link, primary.server.sockets)
        self.watch(primary)
        self._moved(primary)

    def restart(self, settings: Mapping[str, str]) -> None:
        """Stop the servers and start them with other settings; the primary stays the primary."""
        with self.lock:
            primary = self.primary
            if primary is None:
                raise NodeDown("it has no primary")
            for node in self.standbys:
                if node.server.alive():
                    self._restart_standby(node, settings)
            primary.settings = settings
            self._moved(None)
            self.halt(primary)
            self._start(primary)
            for node in self.serving:
                if node is not primary and self._has_other_limits(node, primary):
                    self._restart_standby(node, settings)

    def _has_other_limits(self, node: Node, primary: Node) -> bool:
        """Whether a standby, after it has replayed the start of its primary, has limits of before."""
        try:
            standby.wait_streaming(node.server, FOLLOW_SECONDS)
            return _limits(node) != _limits(primary)
        except (EngineFailed, psycopg.Error):
            # it is looked after later
            return False

    def reboot(self, node: Node) -> None:
        """Stop one server and start it with its own settings; a primary stays the primary."""
        with self.lock:
            if node is not self.primary:
                self._restart_standby(node, node.settings)
                return
            self._moved(None)
            self.halt(node)
            self._start(node)

    def _restart_standby(self, node: Node, settings: Mapping[str, str]) -> None:
        node.settings = settings
        self.halt(node)
        node.server.configure(settings)
        try:
            node.server.start()
        except EngineFailed as error:
            log.warning("a standby does not start: %s", error)
            self.drop(node)
            return
        self.watch(node)

    def halt(self, node: Node, *, immediate: bool = False) -> None:
        """Stop a server on purpose: nobody takes over from it."""
        with self.lock:
            pid = node.server.pid
            if pid is not None:
                self._expected.add(pid)
                node.server.stop(immediate=immediate)

    def stop(self) -> None:
        """Stop the primary, then its standbys, which have everything by then."""
        with self.lock:
            self._begun = False
            if self.primary is not None:
                self.halt(self.primary)
            for node in self.standbys:
                self.halt(node)

    def watch(self, node: Node) -> None:
        """Hear at once when a node's server ends."""
        pid = node.server.pid
        if pid is not None and self._watched.get(node.name) != pid:
            self._watched[node.name] = pid
            process.watch(pid, lambda: self._ended(node, pid))

    def _ended(self, node: Node, pid: int) -> None:
        with self.lock:
            if pid in self._expected:
                self._expected.discard(pid)
                return
            if self.nodes.get(node.name) is node and not node.server.alive():
                self._replace(node)
        self._changed()

    def _replace(self, node: Node) -> None:
        """A server has died: go on without it, if that is possible."""
        try:
            if node is not self.primary:
                self.drop(node)
            elif (successor := self.successor()) is not None:
                self._take_over(successor, UNREACHABLE if node.held else UNHEALTHY)
        except (LocalawsError, psycopg.Error) as error:
            # whoever is called by `changed` tries again
            log.warning("the servers of %s do not go on by themselves: %s", self.link.name, error)

    # -- failover

    @property
    def given_up(self) -> str | None:
        """When the former primary was given up, of a failover that the model does not know of."""
        return self.takeovers[-1].began if self.takeovers else None

    def fail_over(self, reason: str, to: str | None = None) -> Node:
        """Have a standby in sync take over from the running primary; NodeDown when there is none."""
        with self.lock:
            chosen = self.successor() if to is None else self.nodes.get(to)
            if chosen is None or not chosen.in_sync or chosen.held:
                raise NodeDown(
                    "there is no standby that holds every acknowledged commit: wait, then try again"
                )
            return self._take_over(chosen, reason)

    def _take_over(self, successor: Node, reason: str) -> Node:
        """Fence the former primary, promote, lead the clients there: the rest can wait."""
        former = self.primary
        began = datetime.datetime.now(datetime.UTC).replace(tzinfo=None).isoformat()
        if former is not None:
            if former.server.pid is not None:
                self._expected.add(former.server.pid)
            standby.fence(former.server)
        for other in self.standbys:
            # what they confirm to the former primary counts no more
            if other is not successor:
                standby.unmark_in_sync(other.server.home)
        if not successor.server.alive():
            successor.server.start()
        standby.promote(successor.server)
        self.listed = set()
        self.primary = successor
        self._begun = True
        self._open(successor)
        standby.unmark_in_sync(successor.server.home)
        name = former.name if former is not None else ""
        self.takeovers.append(Takeover(name, successor.name, successor.zone, reason, began))
        self._changed()
        return successor

    def drop(self, node: Node) -> None:
        """Go on without a standby: it may not be promoted any more, and no commit waits for it."""
        with self.lock:
            if node.server.home.exists():
                standby.unmark_in_sync(node.server.home)
            if node.name in self.listed:
                self._wait_only_for(self.listed - {node.name})

    def _wait_only_for(self, names: Iterator[str] | set[str]) -> None:
        kept = set(names)
        for node in self.standbys:
            if node.name not in kept and node.server.home.exists():
                standby.unmark_in_sync(node.server.home)
        self.listed = kept
        if self.primary is not None and self.primary.server.alive():
            standby.set_synchronous(self.primary.server, sorted(kept))

    def enlist(self, node: Node, primary: Node) -> None:
        """Have commits wait for a standby that streams, and note it as one that may be promoted."""
        with self.lock:
            if self.primary is not primary or not node.server.alive():
                raise EngineFailed("the primary has changed meanwhile")
            if node.name in self.listed and node.in_sync:
                return
            self.listed.add(node.name)
            standby.set_synchronous(primary.server, sorted(self.listed))
        standby.wait_synchronous(primary.server, node.name, going=node.server.alive)
        with self.lock:
            if self.primary is not primary or node.name not in self.listed or not node.server.alive():
                raise EngineFailed("the standby was lost meanwhile")
            standby.mark_in_sync(node.server.home)

    def release(self, node: Node, primary: Node) -> None:
        """Stop a standby whose files will go; EngineFailed when it may be needed to take over."""
        with self.lock:
            if self.primary is not primary or node is primary or not primary.server.alive():
                raise EngineFailed("the primary has changed meanwhile")
            self.drop(node)
            self.halt(node, immediate=True)

    def remove(self, node: Node) -> None:
        """Go on without a node for good, and delete its files; EngineFailed when it leads."""
        with self.lock:
            if node is self.primary and node.exists:
                raise EngineFailed("it has become the primary meanwhile")
            self.drop(node)
            self.nodes.pop(node.name, None)
            self.halt(node, immediate=True)
        node.server.remove()
