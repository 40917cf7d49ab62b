"""Change data capture of a task: from the slot's position to the target's, until somebody says stop."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from localaws.dms.apply import Applier, Policy, Stopped
from localaws.dms.source import PostgresSource
from localaws.dms.stream import Stream
from localaws.dms.tables import Interrupted, Table, TaskFailed
from localaws.dms.target import POSITION, PostgresTarget

if TYPE_CHECKING:
    from localaws.dms.runner import Outcome, Runner

WAIT = 0.05
NEW_TABLES_SECONDS = 3.0
VALIDATE_SECONDS = 2.0


class Follower:
    """Follows one source from one attempt to the next loss of a connection."""

    def __init__(
        self,
        runner: Runner,
        target: PostgresTarget,
        source: PostgresSource,
        announce: Callable[[list[Table]], None],
    ) -> None:
        self._runner = runner
        self._plan = runner.plan
        self._target = target
        self._source = source
        self._announce = announce
        self._tables: list[Table] = []
        self._cached_until = 0
        self._looked = time.monotonic()
        self._compared = 0.0
        self._compared_at: dict[str, int] = {}

    def run(self) -> Outcome:
        """Load what is to be loaded, then apply changes."""
        from localaws.dms.runner import BEFORE_CACHED, Outcome

        self._tables = self._source.tables()
        self._announce(self._tables)
        self._attach()
        self._load_missing()
        self._cached_until = self._source.end_of_wal()
        settings = "FullLoadSettings"
        if self._plan.loads and self._plan.setting(settings, "StopTaskCachedChangesNotApplied"):
            return Outcome(BEFORE_CACHED)
        while True:
            outcome = self._stream()
            if outcome is not None:
                return outcome
            self._load_more()

    def _attach(self) -> None:
        """Have publications and a slot; one that has vanished cannot be replaced without a gap."""
        reached = self._target.reached()
        self._source.publish(self._tables)
        begun = self._source.slot_position()
        if begun is None:
            if reached or self._plan.slot:
                raise TaskFailed(
                    f"The replication slot {self._source.slot} does not exist at the source, so the changes "
                    "since the last position are not known. Start the task with reload-target."
                )
            begun = self._source.make_slot()
            self._runner.write(f"]I:  Replication slot {self._source.slot} was made at the source.")
        if not self._plan.loads and POSITION not in reached:
            start = self._plan.start_position or begun
            if start < begun:
                raise TaskFailed(
                    "CdcStartPosition is before the position that the replication slot still has. Choose a "
                    "later position, or start without one."
                )
            with contextlib.closing(self._target.connect()) as connection:
                self._target.note(connection, POSITION, start)
                connection.commit()

    def _load_missing(self) -> None:
        if not self._plan.loads:
            for table in self._tables:
                self._runner.progress.completed(table)
            return
        done = self._target.reached()
        failed = self._runner.progress.is_failed
        self._load([each for each in self._tables if each.label not in done and not failed(each.label)])

    def _load(self, tables: list[Table], *, reload: bool = False) -> None:
        """Load tables; the source keeps the changes for the slot meanwhile."""
        self._runner.load(self._target, self._source, tables, self._tables, reload=reload)

    def _stream(self) -> Outcome | None:
        """Apply changes until the task ends, or (None) until tables have to be loaded first."""
        applier = Applier(
            self._source,
            self._target,
            self._target.as_made(self._tables),
            self._target.reached(),
            self._runner.progress,
            self._policy(),
        )
        with contextlib.closing(applier), contextlib.closing(self._source.stream()) as stream:
            try:
                return self._pump(stream, applier)
            except Stopped:
                from localaws.dms.runner import Outcome

                return Outcome("Stop Reason STOPPED_AT_COMMIT_TIME")
            finally:
                self._tables = [applier.tables.get(each.label, each) for each in self._tables]
                with contextlib.suppress(Exception):
                    stream.confirm(applier.position)

    def _policy(self) -> Policy:
        group = "ChangeProcessingDdlHandlingPolicy"
        return Policy(
            log=self._runner.write,
            handle_truncate=bool(self._plan.setting(group, "HandleSourceTableTruncated", True)),
            handle_alter=bool(self._plan.setting(group, "HandleSourceTableAltered", True)),
            start_after=int(self._plan.start_time * 1e6),
            stop_after=int(self._plan.stop_commit * 1e6) or None,
        )

    def _pump(self, stream: Stream, applier: Applier) -> Outcome | None:
        while True:
            messages = stream.read(WAIT)
            applier.take(messages)
            if not messages:
                applier.rest()
                stream.confirm_later(
                    max(applier.position, stream.reached) if applier.idle else applier.position
                )
                outcome = self._between(stream, applier)
                if outcome is not None:
                    return outcome
                if self._wants_load():
                    return None
            else:
                stream.confirm_later(applier.position)
            if self._runner.orders.stopping.is_set():
                applier.rest()
                raise Interrupted

    def _between(self, stream: Stream, applier: Applier) -> Outcome | None:
        """What is done while nothing more is there to be applied."""
        from localaws.dms.runner import AFTER_CACHED, Outcome

        progress = self._runner.progress
        if applier.idle:
            progress.source_latency = progress.target_latency = 0.0
        caught_up = applier.idle and stream.reached >= self._cached_until
        if (
            caught_up
            and self._plan.loads
            and self._plan.setting("FullLoadSettings", "StopTaskCachedChangesApplied")
        ):
            self._validate()
            return Outcome(AFTER_CACHED)
        if self._plan.stop_clock and time.time() > self._plan.stop_clock and applier.idle:
            return Outcome("Stop Reason STOPPED_AT_SERVER_TIME")
        if self._runner.validates and applier.idle and time.monotonic() - self._compared > VALIDATE_SECONDS:
            self._validate()
        return None

    def _validate(self) -> None:
        """Compare the tables that have changed since the last time."""
        if not self._runner.validates:
            return
        lines = self._runner.progress.copy().tables
        for table in self._tables:
            line = lines.get(table.label)
            if line is None:
                continue
            count = line.inserts + line.updates + line.deletes + line.ddls + line.error_rows
            if line.validation == "Validated" and self._compared_at.get(table.label) == count:
                continue
            self._runner.compare(self._target, self._source.route, table)
            self._compared_at[table.label] = count
        self._compared = time.monotonic()

    def _wants_load(self) -> bool:
        """Whether tables were asked to be loaded again, or have come up at the source."""
        if self._runner.orders.reload:
            return True
        if not self._plan.loads or time.monotonic() - self._looked < NEW_TABLES_SECONDS:
            return False
        self._looked = time.monotonic()
        return bool(self._new_tables())

    def _load_more(self) -> None:
        """Load what is wanted, while nothing is applied."""
        orders = self._runner.orders
        if orders.reload:
            wanted, orders.reload[:] = set(orders.reload), []
            self._reload(wanted)
        new = self._new_tables() if self._plan.loads else []
        if new:
            names = ", ".join(table.label for table in new)
            self._runner.write(f"]I:  New tables at the source: {names}.")
            self._tables = [*self._tables, *new]
            self._runner.progress.expect(new, validate=self._runner.validates)
            self._source.publish(self._tables)
            self._load_missing()

    def _reload(self, wanted: set[tuple[str, str]]) -> None:
        fresh = {table.label: table for table in self._source.tables()}
        known = [each.label for each in self._tables if (each.schema, each.name) in wanted]
        self._tables = [fresh.get(each.label, each) if each.label in known else each for each in self._tables]
        for label in known:
            self._target.forget_table(label)
            self._compared_at.pop(label, None)
        self._load([fresh[label] for label in known if label in fresh], reload=True)

    def _new_tables(self) -> list[Table]:
        known = {table.label for table in self._tables}
        return [table for table in self._source.tables() if table.label not in known]
