"""Tries connections, runs the tasks, and tells the model how they do."""

from __future__ import annotations

import contextlib
import functools
import logging
from typing import TYPE_CHECKING

import psycopg

from localaws.dms import mysql
from localaws.dms.host import HOST
from localaws.dms.route import Unreachable, route
from localaws.dms.runner import NORMAL, Outcome, Runner
from localaws.dms.source import PostgresSource
from localaws.dms.tables import TaskFailed
from localaws.dms.target import PostgresTarget
from localaws.dms.tasklog import TaskLog
from localaws.dms.view import Model, Place, TaskView, Trial

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)

PATIENCE = 5.0
SCHEMAS = (
    "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' "
    "AND nspname <> 'information_schema' ORDER BY 1"
)
ACTIVE = frozenset({"running", "starting", "stopping"})


class MigrationController:
    """The reconciler's controller of DMS."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._control = control
        self._runtime = runtime
        self._model = Model(control)
        self._runners: dict[str, Runner] = {}
        self._logs: dict[str, TaskLog] = {}

    def reconcile(self) -> None:
        """Submit a job for everything that needs attention, and note how far the tasks came."""
        submit = self._runtime.reconciler.submit
        for place in self._model.instances():
            submit(place.arn, functools.partial(self._model.settle, place, "instance_done", arn=place.arn))
        for trial in self._model.trials():
            submit(f"{trial.place.arn}:{trial.endpoint}", functools.partial(self._try, trial))
        for place in self._model.refreshes():
            submit(place.arn, functools.partial(self._refresh, place))
        for task in self._model.tasks():
            if task.work or task.reloads or (task.status in ACTIVE and not self._runs(task)):
                submit(task.place.arn, functools.partial(self._attend, task.place))
        self._keep()

    def shutdown(self) -> None:
        """Have the tasks come to rest; they go on when the server starts again."""
        for runner in self._runners.values():
            runner.suspend()
        for runner in self._runners.values():
            runner.join(PATIENCE)
        self._keep()

    def engines(self) -> list[Engine]:
        """Return nothing: the tasks run in this process."""
        return []

    def _keep(self) -> None:
        for uid, runner in list(self._runners.items()):
            runner.progress.save()
            self._logs[uid].flush()

    def _runs(self, task: TaskView) -> bool:
        runner = self._runners.get(task.uid)
        return runner is not None and runner.alive and runner.plan.run == task.run

    def _try(self, trial: Trial) -> None:
        problem = self._problem(trial.place, trial.endpoint)
        self._model.settle(
            trial.place,
            "tested",
            instance=trial.place.arn,
            endpoint=trial.endpoint,
            turn=trial.turn,
            problem=problem,
        )

    def _problem(self, place: Place, endpoint: str) -> str:
        try:
            access = self._model.access(place, endpoint)
            if access is not None:
                with route(self._runtime, access) as way:
                    way.check()
        except TaskFailed as error:
            return str(error)
        return ""

    def _refresh(self, place: Place) -> None:
        problem, schemas = "", []
        try:
            access = self._model.access(self._model.refresh_from(place), place.arn)
            if access is not None:
                with route(self._runtime, access) as way:
                    if access.is_mysql:
                        schemas = mysql.schemas(way)
                    else:
                        with contextlib.closing(way.connect()) as connection:
                            schemas = [name for (name,) in connection.execute(SCHEMAS)]
        except TaskFailed as error:
            problem = str(error)
        self._model.settle(place, "refreshed", arn=place.arn, schemas=schemas, problem=problem)

    def _attend(self, place: Place) -> None:
        task = self._model.task(place)
        if task is None:
            return
        if task.work in ("create", "modify"):
            self._model.settle(place, "readied", arn=place.arn)
        elif task.work == "stop":
            self._stop(task)
        elif task.work == "delete":
            self._delete(task)
        elif task.status in ACTIVE and not self._runs(task):
            self._start(task)
        elif task.reloads and self._runs(task):
            self._runners[task.uid].orders.reload.extend(task.reloads)
            tables = [list(each) for each in task.reloads]
            self._model.settle(place, "reloading", arn=place.arn, tables=tables)

    def _start(self, task: TaskView) -> None:
        try:
            plan = self._model.plan(task.place)
        except TaskFailed as error:
            self._end(task, Outcome(failure=str(error)))
            return
        progress = HOST.progress(task.uid)
        assert progress is not None
        hand_on = functools.partial(self._hand_on, task) if task.logging else None
        journal = TaskLog(hand_on)
        journal.write(f"]I:  Task '{task.identifier}' starting, run {task.run}")
        runner = Runner(
            self._runtime,
            plan,
            progress,
            write=journal.write,
            began=functools.partial(
                self._model.settle, task.place, "began", arn=task.place.arn, run=task.run
            ),
            ended=functools.partial(self._end, task),
        )
        self._runners[task.uid], self._logs[task.uid] = runner, journal
        runner.start()

    def _hand_on(self, task: TaskView, lines: list[str]) -> None:
        group, stream = f"dms-tasks-{task.instance_identifier}", f"dms-task-{task.uid}"
        self._model.settle(task.place, "logged", group=group, stream=stream, lines=lines)

    def _end(self, task: TaskView, outcome: Outcome) -> None:
        if task.uid in self._logs:
            self._logs[task.uid].flush()
        self._model.settle(
            task.place,
            "ended",
            arn=task.place.arn,
            run=task.run,
            reason=outcome.reason,
            failure=outcome.failure,
        )

    def _stop(self, task: TaskView) -> None:
        runner = self._runners.get(task.uid)
        if runner is not None and runner.alive:
            runner.stop()
            runner.join(PATIENCE)
        else:
            self._end(task, Outcome(NORMAL))

    def _delete(self, task: TaskView) -> None:
        if task.run:
            self._clean(task)
        self._runners.pop(task.uid, None)
        self._logs.pop(task.uid, None)
        HOST.forget(task.uid)
        self._model.settle(task.place, "task_deleted", arn=task.place.arn)

    def _clean(self, task: TaskView) -> None:
        """Remove what the task made at both ends; one that cannot be reached keeps it, as on AWS."""
        try:
            plan = self._model.plan(task.place)
            with route(self._runtime, plan.target) as way:
                PostgresTarget(
                    way, plan.uid, plan.run, str(plan.setting("ControlTablesSettings", "ControlSchema"))
                ).forget()
            if not plan.source.is_mysql:
                with route(self._runtime, plan.source) as way:
                    PostgresSource(way, plan.mappings, plan.slot_name, own_slot=not plan.slot).forget()
        except (Unreachable, TaskFailed, psycopg.Error) as error:
            log.warning(
                "the task %s was deleted, but not what it left at its ends: %s", task.identifier, error
            )
