"""Runs queries, a few at a time; the others wait in the queue, as on AWS."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.athena.faults import QueryCancelled, QueryFailed
from localaws.athena.models import ENDED, Execution
from localaws.s3 import objects, store

if TYPE_CHECKING:
    from localaws.athena.engine import Query
    from localaws.athena.outcome import Outcome
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.s3.content import Content

log = logging.getLogger(__name__)

AT_ONCE = 4


class Queries:
    """The queries of all accounts. One that a crash interrupted begins again: it has left nothing."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control
        self._root = control.state.path / "athena"
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="athena")
        self._guard = threading.Lock()
        self._taken: dict[str, Query | None] = {}
        self._stopping = False
        shutil.rmtree(self._root, ignore_errors=True)

    def reconcile(self) -> None:
        """Take up what is queued, and interrupt what was cancelled."""
        for account, region, execution in self._unfinished():
            with self._guard:
                if execution.id in self._taken or self._stopping:
                    continue
                self._taken[execution.id] = None
            self._pool.submit(self._work, account, region, execution)
        with self._guard:
            running = [query for query in self._taken.values() if query is not None]
        for query in running:
            if _state(self._control, query) == "CANCELLED" and query.connection is not None:
                query.connection.interrupt()

    def _unfinished(self) -> Iterator[tuple[str, str, Execution]]:
        for account, region, backend in self._control.backends("athena"):
            for execution in list(backend.executions.values()):
                if execution.status not in ENDED:
                    yield account, region, execution

    def _work(self, account: str, region: str, execution: Execution) -> None:
        try:
            if execution.status not in ENDED:
                self._control.settle("athena", account, region, "running", id=execution.id)
                self._run(account, region, execution)
        except Exception as error:
            log.exception("query %s", execution.id)
            reason = f"GENERIC_INTERNAL_ERROR: {type(error).__name__}. See `localaws logs`."
            self._fail(account, region, execution, "FAILED", reason)
        finally:
            shutil.rmtree(self._root / execution.id, ignore_errors=True)
            with self._guard:
                self._taken.pop(execution.id, None)

    def _run(self, account: str, region: str, execution: Execution) -> None:
        from localaws.athena.engine import Query

        began = time.monotonic()
        folder = self._root / execution.id
        folder.mkdir(mode=0o700, parents=True)
        query = Query(
            self._control, account, region, execution.id, execution.statement, execution.database,
            execution.parameters or [], execution.output, execution.limit, folder,
        )  # fmt: skip
        with self._guard:
            self._taken[execution.id] = query
        try:
            outcome = query.run()
            self._succeed(query, execution, outcome, int((time.monotonic() - began) * 1000))
        except QueryFailed as error:
            self._fail(account, region, execution, "FAILED", str(error))
        except QueryCancelled as error:
            if not self._stopping:
                self._fail(account, region, execution, "CANCELLED", str(error), error.scanned)

    def _fail(
        self, account: str, region: str, execution: Execution, status: str, reason: str, scanned: int = 0
    ) -> None:
        self._control.settle(
            "athena",
            account,
            region,
            "failed",
            id=execution.id,
            status=status,
            reason=reason,
            scanned=scanned,
        )

    def _succeed(self, query: Query, execution: Execution, outcome: Outcome, engine_ms: int) -> None:
        facts: dict[str, Any] = {
            "columns": outcome.columns,
            "scanned": outcome.scanned,
            "engine_ms": engine_ms,
        }
        files = [*outcome.objects, *_result(execution, outcome)]
        if outcome.manifest is not None:
            facts["manifest"] = f"{execution.output.rpartition('.')[0]}-manifest.csv"
        contents: list[Content] = []
        try:
            written = []
            for bucket, key, source in files:
                contents.append(objects.content_of(source))
                written.append([bucket, key, contents[-1].written()])
            self._control.settle(
                "athena", query.account, query.region, "succeeded",
                id=query.id, facts=facts, objects=written, changes=outcome.changes,
            )  # fmt: skip
        finally:
            for content in contents:
                store.current().release(content.id)
            store.current().untidy = True

    def shutdown(self) -> None:
        """Interrupt the queries: they begin again at the next start."""
        self._stopping = True
        with self._guard:
            running = [query for query in self._taken.values() if query is not None]
        for query in running:
            if query.connection is not None:
                query.connection.interrupt()
        self._pool.shutdown(cancel_futures=True)

    def engines(self) -> list[Engine]:
        """Return none: queries run within the server."""
        return []


def _state(control: ControlPlane, query: Query) -> str:
    for account, region, backend in control.backends("athena"):
        if (account, region) == (query.account, query.region):
            return str(backend.executions[query.id].status)
    return "CANCELLED"


def _result(execution: Execution, outcome: Outcome) -> Iterator[tuple[str, str, Path | bytes]]:
    """Yield the objects in the output location: the result, its metadata and the list of what was written."""
    from localaws.athena import results
    from localaws.athena.catalog import bucket_and_key

    bucket, key = bucket_and_key(execution.output)
    text = "".join(f"{line}\n" for line in outcome.lines).encode()
    yield bucket, key, outcome.file or text
    yield bucket, f"{key}.metadata", results.described(outcome.columns)
    if outcome.manifest is not None:
        yield bucket, f"{key.rpartition('.')[0]}-manifest.csv", outcome.manifest.encode()
