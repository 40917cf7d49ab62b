"""What CloudWatch knows of the process that hosts it: the control plane and the store of metrics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from localaws.cloudwatch.store import MetricStore

if TYPE_CHECKING:
    from localaws.control import ControlPlane


@dataclass
class Host:
    """The control plane behind the service; without one (a bare moto) metrics are kept in memory."""

    control: ControlPlane | None = None

    @cached_property
    def store(self) -> MetricStore:
        """The store, opened at its first use."""
        if self.control is None:
            return MetricStore(None)
        folder = self.control.state.metrics_dir
        folder.mkdir(mode=0o700, exist_ok=True)
        return MetricStore(folder / "metrics.sqlite")

    def close(self) -> None:
        """Close the store, when it was ever opened."""
        store = self.__dict__.pop("store", None)
        if store is not None:
            store.close()


HOST = Host()
