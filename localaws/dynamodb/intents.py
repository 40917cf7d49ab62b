"""Decided transactions: their statements until they are carried out, their tokens for ten minutes."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localaws.dynamodb import layout
from localaws.dynamodb.records import Step

TOKEN_SECONDS = 600
WIDTH = 6

TABLES = """
CREATE TABLE IF NOT EXISTS steps (
    intent TEXT NOT NULL, table_id TEXT NOT NULL, position INTEGER NOT NULL, kind TEXT NOT NULL,
    target TEXT NOT NULL, width INTEGER NOT NULL, a, b, c, d, e, f, PRIMARY KEY (intent, table_id, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY, request BLOB NOT NULL, at REAL NOT NULL, answer TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Outcome:
    """What a transaction with a client's token answered; `request` is a digest of what was asked."""

    token: str
    request: bytes
    answer: str = ""


class Intents:
    """The transactions of an account in a Region."""

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._lock = threading.Lock()
        self._database = layout.connect(path, durable=durable)
        self._database.executescript(TABLES)
        self._forgotten = 0.0

    def begin(self, work: dict[str, list[Step]], outcome: Outcome | None) -> str:
        """Decide a transaction: from now on it will be carried out, whatever happens."""
        intent = secrets.token_hex(8)
        rows = [
            (intent, table_id, position, step.kind, step.target, len(step.values), *_padded(step))
            for table_id, steps in work.items()
            for position, step in enumerate(steps)
        ]
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            if outcome is not None:
                self._remember(outcome)
            self._database.execute("COMMIT")
        return intent

    def _remember(self, outcome: Outcome) -> None:
        now = time.time()
        self._database.execute(
            "REPLACE INTO tokens VALUES (?, ?, ?, ?)", (outcome.token, outcome.request, now, outcome.answer)
        )
        if now - self._forgotten > TOKEN_SECONDS / 10:
            self._forgotten = now
            self._database.execute("DELETE FROM tokens WHERE at < ?", (now - TOKEN_SECONDS,))

    def end(self, intent: str) -> None:
        """Forget a transaction that all tables have carried out."""
        with self._lock:
            self._database.execute("DELETE FROM steps WHERE intent = ?", (intent,))

    def outcome(self, token: str) -> Outcome | None:
        """Return what the transaction with this token answered in the last ten minutes."""
        with self._lock:
            row = self._database.execute(
                "SELECT token, request, answer FROM tokens WHERE token = ? AND at >= ?",
                (token, time.time() - TOKEN_SECONDS),
            ).fetchone()
        return None if row is None else Outcome(*row)

    def pending(self) -> Iterator[tuple[str, dict[str, list[Step]]]]:
        """Yield the transactions that were decided and not yet carried out everywhere."""
        with self._lock:
            rows = self._database.execute(
                "SELECT * FROM steps ORDER BY intent, table_id, position"
            ).fetchall()
        found: dict[str, dict[str, list[Step]]] = {}
        for intent, table_id, _, kind, target, width, *values in rows:
            step = Step(kind, target, tuple(values[:width]))
            found.setdefault(intent, {}).setdefault(table_id, []).append(step)
        yield from found.items()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()


def _padded(step: Step) -> tuple[object, ...]:
    return (*step.values, *(None,) * (WIDTH - len(step.values)))
