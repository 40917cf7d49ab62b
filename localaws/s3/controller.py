"""Removes the files that no object refers to any more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from localaws.bridge import backends

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine, Reconciler
    from localaws.s3.content import Content
    from localaws.s3.store import Store

QUIET_SECONDS = 2.0


class Sweeper:
    """Looks after deletions have come to rest.

    The journal may still need the bytes of a deleted object (a function that was made from it), so a snapshot
    comes first.
    """

    def __init__(self, control: ControlPlane, reconciler: Reconciler, store: Store) -> None:
        self._control = control
        self._reconciler = reconciler
        self._store = store
        self._untidy_since: float | None = None

    def reconcile(self) -> None:
        """Sweep two seconds after something may have become superfluous."""
        if self._store.untidy:
            self._store.untidy = False
            self._untidy_since = self._untidy_since or time.monotonic()
        if self._untidy_since is not None and time.monotonic() - self._untidy_since > QUIET_SECONDS:
            self._untidy_since = None
            self._reconciler.submit("s3 sweep", self._sweep)

    def _sweep(self) -> None:
        there = self._store.names()
        with self._control.lock:
            superfluous = there - self._store.unclaimed() - set(referenced())
            if superfluous and not self._control.checkpoint():
                return
        for name in superfluous:
            self._store.drop(name)

    def shutdown(self) -> None:
        """Nothing runs."""

    def engines(self) -> list[Engine]:
        """Return none."""
        return []


def referenced() -> Iterator[str]:
    """Yield the files that the model refers to; under the control plane's lock."""
    for _, _, backend in backends.existing("s3"):
        for bucket in [*backend.buckets.values(), *backend.table_buckets.values()]:
            for name in list(bucket.keys):
                yield from (content.id for content in _contents(bucket.keys.getlist(name, [])))
            for multipart in bucket.multiparts.values():
                yield from (content.id for content in _contents(multipart.parts.values()))


def _contents(keys: Any) -> Iterator[Content]:
    for key in keys:
        content = getattr(key, "content", None)
        if content is not None:
            yield content
