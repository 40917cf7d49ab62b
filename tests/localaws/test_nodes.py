"""Who leads a group of servers: a standby that has taken over is never treated as one that may go."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from localaws.engines import standby
from localaws.engines.postgres import PostgresServer
from localaws.engines.process import EngineFailed, polling
from localaws.engines.role import Upstream
from localaws.rds.failover import bring_in
from localaws.rds.nodes import REQUESTED, Group, Node

from .fix_engines import Yard, open_yard, run, scalar


@pytest.fixture
def yard() -> Iterator[Yard]:
    with open_yard() as made:
        yield made


def group_of(yard: Yard) -> tuple[Group, Node, Node]:
    """A primary and a standby in sync; nobody is told of their end."""
    group = Group(yard.link, moved=lambda _: None, changed=lambda: None)
    a, b = Node("a", yard.primary()), Node("b", yard.server("b"))
    group.lead(group.add(a))
    group.add(b)
    bring_in(group, b, upstream(yard), {})
    assert b.in_sync
    assert group.listed == {"b"}
    run(a.server, "CREATE TABLE kept AS SELECT 1 AS id")
    return group, a, b


def upstream(yard: Yard) -> Upstream:
    return Upstream(yard.link, "b")


def kill(server: PostgresServer) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert any(not server.alive() for _ in polling(20))


@pytest.mark.engine
def test_a_standby_that_takes_over_is_neither_made_anew_nor_removed(yard: Yard) -> None:
    group, a, b = group_of(yard)
    group.fail_over(REQUESTED)
    run(b.server, "INSERT INTO kept VALUES (2)")
    # what somebody goes on with who looked before the failover
    with pytest.raises(EngineFailed, match="changed"):
        group.release(b, a)
    with pytest.raises(EngineFailed, match="primary"):
        group.remove(b)
    assert b.server.alive()
    assert scalar(b.server, "SELECT count(*) FROM kept") == 2


@pytest.mark.engine
def test_a_standby_that_has_taken_over_from_a_dead_primary_is_not_brought_in(yard: Yard) -> None:
    group, a, b = group_of(yard)
    kill(a.server)
    assert group.start() is b
    bring_in(group, b, upstream(yard), {})
    assert b.leads
    assert scalar(b.server, "SELECT count(*) FROM kept") == 1
    assert standby.timeline(b.server) == 2


@pytest.mark.engine
def test_a_former_primary_follows_the_one_that_took_over(yard: Yard) -> None:
    group, a, b = group_of(yard)
    kill(a.server)
    assert group.start() is b
    bring_in(group, a, Upstream(yard.link, "a"), {})
    assert a.in_sync
    assert not a.leads
    run(b.server, "INSERT INTO kept VALUES (2)")
    kill(b.server)
    assert group.start() is a
    assert scalar(a.server, "SELECT count(*) FROM kept") == 2
