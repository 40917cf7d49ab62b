"""Work that failed only because a server died meanwhile: it is tried again before it counts as failed."""

from __future__ import annotations

import psycopg

from localaws.engines.process import EngineFailed
from localaws.errors import LocalawsError

TRIES = 4
"""How often work is tried that may have failed because a server died meanwhile."""


class SourceDown(LocalawsError):
    """A server cannot be made of a source that does not run."""


class SourceAway(SourceDown):
    """The source is being brought back: whoever needs it waits."""


class TriedAgain(LocalawsError):
    """An accident; the reconciler tries again a little later."""


class Accidents:
    """Counts the accidents of each resource's present work."""

    def __init__(self) -> None:
        self._tries: dict[str, int] = {}

    def over(self, key: str) -> None:
        """Forget a resource's accidents: its work is done, or has failed."""
        self._tries.pop(key, None)

    def check(self, key: str, error: Exception) -> None:
        """Raise TriedAgain when work that raised this is to be tried again."""
        if isinstance(error, SourceAway):
            raise TriedAgain(str(error)) from error
        tries = self._tries[key] = self._tries.get(key, 0) + 1
        if tries < TRIES and isinstance(error, (EngineFailed, SourceDown, psycopg.Error)):
            raise TriedAgain(str(error)) from error
        self.over(key)
