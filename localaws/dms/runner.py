"""A running task: the thread that loads, follows the changes, and tells the model how it ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from localaws.dms import following, mysql
from localaws.dms.load import Loader, PostgresReader, Reader
from localaws.dms.plan import Plan
from localaws.dms.progress import Progress
from localaws.dms.rights import follow_membership
from localaws.dms.route import Route, Unreachable
from localaws.dms.source import PostgresSource
from localaws.dms.tables import Interrupted, Table, TaskFailed
from localaws.dms.target import PostgresTarget
from localaws.dms.validate import compare

if TYPE_CHECKING:
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)

LOST = (psycopg.OperationalError, psycopg.InterfaceError)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
LOADED_ONLY = "Stop Reason FULL_LOAD_ONLY_FINISHED"
NORMAL = "Stop Reason NORMAL"
BEFORE_CACHED = "Stop Reason STOPPED_AFTER_FULL_LOAD"
AFTER_CACHED = "Stop Reason STOPPED_AFTER_CACHED_EVENTS"


@dataclass
class Outcome:
    """How a run ended: with a reason, or with a failure."""

    reason: str = ""
    failure: str = ""


@dataclass
class Orders:
    """What is asked of a run while it goes on."""

    stopping: threading.Event = field(default_factory=threading.Event)
    suspended: bool = False
    """Whether the server stops, not the task."""
    reload: list[tuple[str, str]] = field(default_factory=list)


class Runner:
    """Carries out one plan. `began` is called when the task runs, `ended` when it does not any more."""

    def __init__(
        self,
        runtime: Runtime,
        plan: Plan,
        progress: Progress,
        *,
        write: Callable[[str], None],
        began: Callable[[], None],
        ended: Callable[[Outcome], None],
    ) -> None:
        self.plan = plan
        self.progress = progress
        self.orders = Orders()
        self.write = write
        self._runtime = runtime
        self._began, self._ended = began, ended
        self._running = False
        self._origin: PostgresSource | None = None
        self._thread = threading.Thread(target=self._run, name=f"dms-{plan.identifier}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end."""
        self.orders.stopping.set()
        self._interrupt()

    def suspend(self) -> None:
        """Ask it to come to rest without telling the model: it goes on when the server runs again."""
        self.orders.suspended = True
        self.orders.stopping.set()
        self._interrupt()

    def _interrupt(self) -> None:
        origin = self._origin
        if origin is not None:
            origin.interrupt()

    def join(self, seconds: float) -> None:
        """Wait for its end."""
        self._thread.join(seconds)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        self.progress.begin(self.plan.run)
        try:
            outcome = self._persist()
        except Interrupted:
            outcome = Outcome(NORMAL)
        except TaskFailed as error:
            outcome = Outcome(failure=str(error))
        except Exception as error:
            log.exception("the task %s failed", self.plan.identifier)
            outcome = Outcome(failure=f"Last Error {type(error).__name__}: {error} Stop Reason FATAL_ERROR")
        self.progress.end()
        if self.orders.suspended:
            return
        if outcome.failure:
            self.write(f"]E:  {outcome.failure}")
        else:
            self.write(f"]I:  Task is stopped: {outcome.reason}")
        self._ended(outcome)

    def _persist(self) -> Outcome:
        """Go on after a server was lost, as often as that happens."""
        pause = FIRST_PAUSE
        while True:
            begin = time.monotonic()
            try:
                return self._attempt()
            except Unreachable as error:
                if not (self._running or self.plan.restarted):
                    raise
                reason = str(error)
            except LOST as error:
                reason = " ".join(str(error).split())
            if time.monotonic() - begin > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            self.write(f"]W:  Recoverable error, the task goes on in {pause:.1f} s: {reason}")
            if self.orders.stopping.wait(pause):
                raise Interrupted
            pause = min(pause * 2, LONGEST_PAUSE)

    def _attempt(self) -> Outcome:
        source, target = None, None
        try:
            source = Route(self._runtime, self.plan.source)
            target = Route(self._runtime, self.plan.target)
            return self._move(source, target)
        finally:
            for route in (source, target):
                if route is not None:
                    route.close()

    def _move(self, source: Route, target_route: Route) -> Outcome:
        plan = self.plan
        schema = str(plan.setting("ControlTablesSettings", "ControlSchema") or "")
        target = PostgresTarget(target_route, plan.uid, plan.run, schema)
        if source.access.is_mysql:
            target.prepare()
            return self._load_only(target, mysql.MySqlSource(source, plan.mappings), None)
        origin = PostgresSource(source, plan.mappings, plan.slot_name, own_slot=not plan.slot)
        if not plan.changes:
            target.prepare()
            return self._load_only(target, origin, source)
        follow_membership(self._runtime.control, source.access)
        origin.check_logical()
        target.prepare()
        self._origin = origin
        waiting = origin.open_transactions()
        if waiting:
            self.write(f"]I:  Waiting until {waiting} open transactions at the source have ended.")
        return self._follow(target, origin)

    def _announce(self, tables: list[Table]) -> None:
        if not tables:
            raise TaskFailed(
                "Last Error No tables were found at task initialization. Either the selected table(s) or "
                "schemas(s) no longer exist or no match was found for the table selection pattern(s). "
                "Stop Reason FATAL_ERROR Error Level FATAL"
            )
        self.progress.expect(tables, validate=self.validates)
        if not self._running:
            self._running = True
            self._began()

    @property
    def validates(self) -> bool:
        """Whether the rows of both sides are to be compared."""
        return (
            bool(self.plan.setting("ValidationSettings", "EnableValidation"))
            and not self.plan.source.is_mysql
        )

    def _load_only(self, target: PostgresTarget, origin: Any, source: Route | None) -> Outcome:
        tables = origin.tables()
        self._announce(tables)
        done = target.reached()
        self.load(target, origin, [table for table in tables if table.label not in done], tables)
        if source is not None and self.validates:
            for table in tables:
                self.compare(target, source, table)
        return Outcome(LOADED_ONLY)

    def load(
        self,
        target: PostgresTarget,
        origin: Any,
        tables: list[Table],
        everything: list[Table],
        *,
        reload: bool = False,
    ) -> None:
        """Load tables from one snapshot of the source."""
        loading = {table.label for table in tables}
        for table in everything:
            if table.label not in loading:
                self.progress.completed(table)
        if not tables:
            return
        self.progress.load_begins()
        with origin.snapshot(with_position=self.plan.changes) as (snapshot, position):
            loader = Loader(
                target=target,
                progress=self.progress,
                stopping=self.orders.stopping,
                mode=str(self.plan.setting("FullLoadSettings", "TargetTablePrepMode", "DROP_AND_CREATE")),
                subtasks=int(self.plan.setting("FullLoadSettings", "MaxFullLoadSubTasks", 8)),
                position=position,
                log=self.write,
            )
            loader.load(tables, lambda: _reader(origin, snapshot), reload=reload)
        self.progress.load_ends()

    def compare(self, target: PostgresTarget, source: Route, table: Table) -> bool:
        """Validate a table; whether it is equal now."""
        if not table.target_key or self.progress.is_failed(table.label):
            return True
        found = compare(source, target.route, table)
        state = "Mismatched records" if found else "Validated"
        self.progress.validated(table, state, mismatched=len(found))
        target.report_differences(table, found)
        if found:
            self.write(f"]W:  Table {table.label}: {len(found)} records differ.")
        return not found

    def _follow(self, target: PostgresTarget, origin: PostgresSource) -> Outcome:
        return following.Follower(self, target, origin, self._announce).run()


def _reader(origin: Any, snapshot: str) -> Reader:
    if isinstance(origin, PostgresSource):
        return PostgresReader(origin.route.connect(autocommit=False), snapshot)
    reader: Reader = origin.reader()
    return reader
