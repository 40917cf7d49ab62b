"""The Valkey servers of one cache: who leads, who follows, who takes over.

Replication is asynchronous, as on AWS: a primary that dies takes with it what no replica had received. Every
replica first reads what its link still holds, and the one that has most is promoted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis

from localaws.elasticache.doors import PRIMARY, READER, REPLICATION, Doors
from localaws.elasticache.folders import Folders
from localaws.engines import process
from localaws.engines.binaries import find_valkey
from localaws.engines.valkey import Config, Source, ValkeyServer
from localaws.errors import LocalawsError
from localaws.relay import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from localaws.elasticache.view import MemberView, OwnerView

log = logging.getLogger(__name__)

SYNC_SECONDS = 60.0
DRAIN_SECONDS = 1.0
HAND_OVER_SECONDS = 10.0


class CacheDown(LocalawsError):
    """A server does not do what is needed now; it is tried again."""


@dataclass(eq=False)
class Unit:
    """One server, as it was brought up in this run."""

    uid: str
    server: ValkeyServer
    applied: Config | None = None
    """What it was told; None until this run has started it."""
    follows: bool = False
    held: bool = False
    """Whether its Availability Zone is down."""

    @property
    def runs(self) -> bool:
        """Whether it was started by this run, and lives."""
        return self.applied is not None and self.server.alive()


class Squad:
    """The servers of a group, or the one of a cluster. One job at a time works with it."""

    def __init__(self, folders: Folders, doors: Doors, *, durable: bool, wake: Callable[[], None]) -> None:
        self._folders = folders
        self._doors = doors
        self._durable = durable
        self._wake = wake
        self.units: dict[str, Unit] = {}
        self.leader = ""
        self.synced: set[str] = set()
        """Replicas that have the leader's data."""

    def unit(self, uid: str) -> Unit:
        """Return a server; it need not exist."""
        if uid not in self.units:
            server = ValkeyServer(
                self._folders.home(uid),
                self._folders.sockets(uid),
                binary=find_valkey(),
                durable=self._durable,
            )
            self.units[uid] = Unit(uid, server)
        return self.units[uid]

    def healthy(self, view: OwnerView, failed: frozenset[str]) -> bool:
        """Whether everything is as the model asks; quick."""
        if self.leader != view.primary:
            return False
        for member in view.members:
            unit = self.units.get(member.uid)
            if unit is None or unit.held != (member.zone in failed):
                return False
            if not (member.state == "down" if unit.held else self._serves(unit, member)):
                return False
        leader = self.units[self.leader]
        return leader.runs or not (view.failover and self.synced)

    def _serves(self, unit: Unit, member: MemberView) -> bool:
        """Whether a server runs as it was told, and the model knows."""
        known = unit.runs and unit.applied == member.config and member.state == "available"
        return known and self.serves(member.uid)

    def serves(self, uid: str) -> bool:
        """Whether a server leads, or has the leader's data."""
        return uid == self.leader or uid in self.synced

    def stand(self, view: OwnerView, failed: frozenset[str], snapshot: Path | None = None) -> bool:
        """Bring all servers that exist, or can be made, to their roles; False while nobody can lead."""
        members = [member for member in view.members if member.state != "deleting"]
        self._hold(members, failed)
        self.leader = self._appointed(view)
        source = self._doors.source(view, self._folders.secret(view.uid)) if view.grouped else None
        leader = self.unit(self.leader)
        if not leader.runs and view.failover:
            if leader.held:
                self._rouse(members, source)
            self._take_over(view)
            leader = self.unit(self.leader)
        if not leader.runs:
            member = view.member(self.leader)
            if leader.held or member is None:
                return False
            self._run(leader, member.config, source, follows=False, snapshot=snapshot)
        elif leader.follows:
            leader.server.lead()
            leader.follows = False
        self._lead_doors(view, leader)
        for member in members:
            unit = self.unit(member.uid)
            if not unit.held:
                self._attend(unit, member, source)
        self._lead_doors(view, leader)
        return True

    def _rouse(self, members: list[MemberView], source: Source | None) -> None:
        """Start replicas whose leader cannot run: one of them may take over."""
        for member in members:
            unit = self.unit(member.uid)
            if not unit.held and not unit.runs and self._folders.is_made(member.uid):
                self._run(unit, member.config, source, follows=True)

    def _appointed(self, view: OwnerView) -> str:
        if not view.grouped:
            return view.primary
        found = self._folders.leader(view.uid)
        if found is None or view.member(found) is None:
            self._folders.lead(view.uid, view.primary)
            return view.primary
        return found

    def _hold(self, members: list[MemberView], failed: frozenset[str]) -> None:
        for member in members:
            unit = self.unit(member.uid)
            unit.held = member.zone in failed
            if unit.held:
                unit.server.stop(immediate=True)
                unit.applied = None
                self.synced.discard(member.uid)

    def _run(
        self,
        unit: Unit,
        config: Config,
        source: Source | None,
        *,
        follows: bool,
        snapshot: Path | None = None,
    ) -> None:
        """Start a server, made anew if it has no whole data set."""
        if not self._folders.is_made(unit.uid):
            unit.server.create(config, source=source, follows=follows, snapshot=snapshot)
            self._folders.note_made(unit.uid)
        else:
            # one that an earlier run has left behind has that run's source and users
            unit.server.stop()
            unit.server.configure(config, source=source, follows=follows)
            unit.server.start()
        unit.applied, unit.follows = config, follows
        pid = unit.server.pid
        if pid is not None:
            process.watch(pid, self._wake)

    def _attend(self, unit: Unit, member: MemberView, source: Source | None) -> None:
        """Have a server run in its role, with its configuration."""
        follows = unit.uid != self.leader
        if not unit.runs:
            self.synced.discard(unit.uid)
            self._run(unit, member.config, source, follows=follows)
        elif follows and not unit.follows and source is not None:
            unit.server.follow(source)
            unit.follows = True
        if unit.applied is not None and unit.applied != member.config:
            unit.server.apply(unit.applied, member.config)
            unit.server.configure(member.config, source=source, follows=follows)
            unit.applied = member.config
        if follows:
            self._note_sync(unit)

    def _note_sync(self, unit: Unit) -> None:
        if unit.uid in self.synced:
            return
        facts = unit.server.info()
        busy = ("master_sync_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled", "loading")
        if facts.get("master_link_status") == "up" and not any(facts.get(name) for name in busy):
            self._folders.note_followed(unit.uid, self.leader)
            self.synced.add(unit.uid)

    def await_sync(self, uid: str) -> None:
        """Return when a replica has the leader's data."""
        unit, leader = self.unit(uid), self.unit(self.leader)
        for _ in process.polling(SYNC_SECONDS):
            if not unit.runs or not leader.runs:
                raise CacheDown(f"the replica {uid}, or its primary, has ended")
            self._note_sync(unit)
            if uid in self.synced:
                return
        raise CacheDown(f"the replica {uid} does not reach its primary's data")

    # -- roles

    def _candidates(self) -> list[Unit]:
        """Replicas that run and hold a whole data set of the present leader's."""
        return [
            unit
            for unit in self.units.values()
            if unit.uid != self.leader and unit.runs and self._folders.followed(unit.uid) == self.leader
        ]

    def _take_over(self, view: OwnerView) -> None:
        """Promote the replica that has most of what the dead leader has written, if there is one."""
        best, most = None, -1
        for unit in self._candidates():
            offset = _received(unit)
            if offset > most:
                best, most = unit, offset
        if best is not None:
            log.warning("%s: the primary is down and a replica takes over", view.identifier)
            self._promote(view, best)

    def _promote(self, view: OwnerView, unit: Unit) -> None:
        # from here on the former leader only ever follows
        self._folders.lead(view.uid, unit.uid)
        former, self.leader = self.leader, unit.uid
        unit.server.lead()
        unit.follows = False
        self.synced.clear()
        self._lead_doors(view, unit)
        old = self.units.get(former)
        if old is not None and old.runs:
            old.server.follow(self._doors.source(view, self._folders.secret(view.uid)))
            old.follows = True

    def hand_over(self, view: OwnerView, target: str | None) -> bool:
        """Have a replica take over from a living leader without losing a write; False when none can."""
        choices = [unit for unit in self._candidates() if target in (None, unit.uid)]
        leader = self.unit(self.leader)
        if not choices:
            return False
        best = max(choices, key=lambda unit: _offset(unit.server.info("replication")))
        with leader.server.connect() as client:
            client.execute_command("CLIENT", "PAUSE", int(HAND_OVER_SECONDS * 2000), "WRITE")
            try:
                self._await_equal(leader, best)
                self._promote(view, best)
            finally:
                client.execute_command("CLIENT", "UNPAUSE")
        return True

    @staticmethod
    def _await_equal(leader: Unit, replica: Unit) -> None:
        for _ in process.polling(HAND_OVER_SECONDS):
            if _offset(replica.server.info("replication")) >= _offset(leader.server.info("replication")):
                return
        raise CacheDown(f"the replica {replica.uid} does not catch up with its primary")

    # -- endpoints

    def _lead_doors(self, view: OwnerView, leader: Unit) -> None:
        if not view.grouped:
            return
        to_leader = (Server(leader.server.socket, name=leader.uid),)
        readers = tuple(
            Server(unit.server.socket, name=unit.uid)
            for unit in sorted(self.units.values(), key=lambda unit: unit.uid)
            if unit.uid in self.synced and unit.runs and unit is not leader
        )
        self._doors.lead(f"{view.uid}/{REPLICATION}", to_leader)
        self._doors.group(view, PRIMARY, to_leader)
        self._doors.group(view, READER, readers or to_leader)

    def open(self, view: OwnerView) -> tuple[dict[str, Any], dict[str, Any]]:
        """Open all endpoints; return the nodes' addresses by uid and number, and the group's."""
        nodes = {}
        for member in view.members:
            if member.state == "deleting":
                continue
            socket = self.unit(member.uid).server.socket
            address = self._doors.node(view, member.uid, socket, member.identifier, member.dns_name)
            nodes[member.uid] = {member.nodes[0][0]: [address.address, address.port]}
        shared = {}
        if view.grouped:
            for which in (PRIMARY, READER):
                servers = self._doors.present(f"{view.uid}/{which}")
                address = self._doors.group(view, which, servers)
                shared[which] = [address.address, address.port]
        return nodes, shared

    # -- ends

    def restart(self, view: OwnerView, member: MemberView, config: Config, *, empty: bool) -> None:
        """Restart a server with this configuration, without its data if it shall be empty."""
        unit = self.unit(member.uid)
        source = self._doors.source(view, self._folders.secret(view.uid)) if view.grouped else None
        follows = member.uid != self.leader
        self.synced.discard(member.uid)
        unit.applied = None
        if empty:
            unit.server.remove()
        self._run(unit, config, source, follows=follows)
        if follows:
            self.await_sync(member.uid)

    def remove(self, uid: str) -> None:
        """Stop a server and delete what it had, even if its program is gone."""
        unit = self.units.pop(uid, None)
        self.synced.discard(uid)
        if unit is not None:
            unit.server.stop(immediate=True)
        elif self._folders.home(uid).exists():
            process.kill_all_in(self._folders.home(uid))
        self._folders.erase_node(uid)

    def stop(self) -> None:
        """Stop all servers in order, the leader first: what it has said, the others still read."""
        for unit in sorted(self.units.values(), key=lambda unit: unit.uid != self.leader):
            unit.server.stop()


def _offset(facts: dict[str, Any]) -> int:
    name = "slave_repl_offset" if facts.get("role") == "slave" else "master_repl_offset"
    return int(facts.get(name, 0))


def _received(unit: Unit) -> int:
    """Return how much of its source's stream a replica has read, once its link has ended; -1 for none."""
    try:
        for _ in process.polling(DRAIN_SECONDS):
            facts = unit.server.info("replication")
            if facts.get("master_link_status") != "up":
                break
        return -1 if facts.get("master_sync_in_progress") else _offset(facts)
    except (redis.RedisError, OSError):
        return -1
