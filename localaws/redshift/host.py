"""The databases behind the clusters of this process."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.redshift.warehouse import Warehouse


@dataclass
class Host:
    """Finds a cluster's database by the cluster's unique identifier."""

    control: ControlPlane | None = None
    _known: dict[str, Warehouse] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def root(self) -> Path | None:
        """Folder of the clusters' folders."""
        return self.control.state.redshift_dir if self.control is not None else None

    def warehouse(self, cluster: Any, account_id: str) -> Warehouse:
        """Return the database of a cluster."""
        from localaws.redshift.warehouse import Warehouse

        assert self.control is not None
        with self._guard:
            found = self._known.get(cluster.unique_cluster_id)
            if found is None:
                folder = self.control.state.redshift_dir / cluster.unique_cluster_id
                found = Warehouse(folder, account_id, cluster.db_name, self.control)
                self._known[cluster.unique_cluster_id] = found
            return found

    def known(self) -> dict[str, Warehouse]:
        """Return the databases that are in use."""
        with self._guard:
            return dict(self._known)

    def forget(self, unique_id: str) -> None:
        """Drop a database that is gone."""
        with self._guard:
            self._known.pop(unique_id, None)

    def result_path(self, unique_id: str, name: str) -> Path | None:
        """Return where a statement's rows are."""
        return (
            None
            if self.root is None
            else self.root / unique_id / "results" / f"{name.replace(':', '.')}.jsonl"
        )


HOST = Host()
