"""Makes the clusters' databases, runs what the Data API was given, and removes what is gone."""

from __future__ import annotations

import functools
import logging
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.redshift import statements
from localaws.redshift.backend import AVAILABLE, CREATING
from localaws.redshift.faults import SqlError
from localaws.redshift.host import HOST
from localaws.redshift.statements import Statement

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine, Reconciler

log = logging.getLogger(__name__)

Found = tuple[str, str, Any]


@dataclass
class RedshiftController:
    """The reconciler's controller of Redshift."""

    control: ControlPlane
    reconciler: Reconciler

    def reconcile(self) -> None:
        """Submit what is to be done."""
        with self.control.lock:
            clusters = list(self._clusters())
            waiting = list(self._waiting())
            old = list(self._old(time.time()))
        for account, region, cluster in clusters:
            if cluster.status == CREATING:
                make = functools.partial(self._make, account, region, cluster)
                self.reconciler.submit(_key(cluster.unique_cluster_id), make)
        for cluster_id in {statement.cluster_id for _, _, statement in waiting}:
            self.reconciler.submit(_key(cluster_id), functools.partial(self._run_all, cluster_id))
        for _, _, statement in waiting:
            if statement.cancelling and (found := HOST.known().get(statement.cluster_id)):
                found.interrupt(statement.id)
        self._tidy({cluster.unique_cluster_id: cluster.status for _, _, cluster in clusters})
        for account, region, ids in old:
            self._forget(account, region, ids)

    def _clusters(self) -> Iterator[Found]:
        for account, region, backend in self.control.backends("redshift"):
            yield from ((account, region, cluster) for cluster in backend.clusters.values())

    def _statements(self) -> Iterator[Found]:
        for account, region, backend in self.control.backends("redshiftdata"):
            yield from ((account, region, each) for each in backend.statements.values())

    def _waiting(self) -> Iterator[Found]:
        return (found for found in self._statements() if found[2].status in statements.OPEN)

    def _old(self, now: float) -> Iterator[tuple[str, str, list[Statement]]]:
        for account, region, backend in self.control.backends("redshiftdata"):
            ended = [each for each in backend.statements.values() if each.status not in statements.OPEN]
            old = [each for each in ended if now - each.created > statements.KEEP_SECONDS]
            if old:
                yield account, region, old

    def _make(self, account: str, region: str, cluster: Any) -> None:
        HOST.warehouse(cluster, account).make()
        self.control.settle("redshift", account, region, "ready", unique_id=cluster.unique_cluster_id)

    def _run_all(self, cluster_id: str) -> None:
        """Run the statements of a cluster in the order in which they came."""
        while True:
            with self.control.lock:
                queue = [found for found in self._waiting() if found[2].cluster_id == cluster_id]
                cluster = next((c for _, _, c in self._clusters() if c.unique_cluster_id == cluster_id), None)
            queue.sort(key=lambda found: found[2].status != statements.STARTED)
            if not queue:
                return
            account, region, statement = queue[0]
            if cluster is None or cluster.status != AVAILABLE:
                self._end(account, region, statement, "The cluster is not available.", 0, [])
                continue
            self._run(account, region, statement, cluster)

    def _run(self, account: str, region: str, statement: Statement, cluster: Any) -> None:
        self.control.settle("redshiftdata", account, region, "started", statement_id=statement.id)
        begun = time.monotonic()
        error, outcomes = None, []
        values = {each["name"]: each["value"] for each in statement.parameters}
        try:
            found = HOST.warehouse(cluster, account).run(statement.id, statement.texts, values)
            outcomes = [vars(each) for each in found]
        except SqlError as failed:
            error = str(failed)
        self._end(account, region, statement, error, int((time.monotonic() - begun) * 1e9), outcomes)

    def _end(
        self,
        account: str,
        region: str,
        statement: Statement,
        error: str | None,
        duration: int,
        outcomes: list[dict[str, Any]],
    ) -> None:
        self.control.settle(
            "redshiftdata",
            account,
            region,
            "ended",
            statement_id=statement.id,
            error=error,
            duration=duration,
            outcomes=outcomes,
        )

    def _forget(self, account: str, region: str, old: list[Statement]) -> None:
        for statement in old:
            for number in range(len(statement.texts) + 1):
                name = f"{statement.id}:{number}" if number else statement.id
                if path := HOST.result_path(statement.cluster_id, name):
                    path.unlink(missing_ok=True)
        ids = [statement.id for statement in old]
        self.control.settle("redshiftdata", account, region, "forgotten", statement_ids=ids)

    def _tidy(self, existing: dict[str, str]) -> None:
        """Remove what belongs to no cluster, and close what nobody uses."""
        for cluster_id, warehouse in HOST.known().items():
            if cluster_id not in existing:
                warehouse.remove()
                HOST.forget(cluster_id)
            elif existing[cluster_id] == AVAILABLE:
                warehouse.rest()
            elif existing[cluster_id] != CREATING:
                warehouse.close()
        if HOST.root is not None and HOST.root.exists():
            for folder in HOST.root.iterdir():
                if folder.name not in existing:
                    shutil.rmtree(folder, ignore_errors=True)

    def shutdown(self) -> None:
        """Close the databases."""
        for cluster_id, warehouse in HOST.known().items():
            warehouse.close()
            HOST.forget(cluster_id)

    def engines(self) -> list[Engine]:
        """DuckDB runs inside of this process."""
        return []


def _key(cluster_id: str) -> str:
    return f"redshift {cluster_id}"
