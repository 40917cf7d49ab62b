"""The one place where the model is changed: calls and settlements run here, are journaled, and come back."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from localaws import faults
from localaws.bridge import backends, pickles, polling
from localaws.errors import LocalawsError, RestoreFailed
from localaws.faults import Answer
from localaws.journal import Journal
from localaws.s3 import intake
from localaws.services import TRANSIENT
from localaws.snapshot import Snapshots
from localaws.state import StateDir

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call, Dispatcher
    from localaws.cloudtrail.recorder import Recorder
    from localaws.iam.guard import Guard
    from localaws.services import Services
    from localaws.signature import Request

log = logging.getLogger("localaws")

JSON = Any
SNAPSHOT_RECORDS = 500
SNAPSHOT_BYTES = 32 << 20
IDLE_RECORDS = 20
IDLE_SECONDS = 5.0

# Large models that share no objects with others are written apart from the rest, and only when they changed.
APART = {
    "s3": "s3",
    "dynamodb": "dynamodb",
    "dynamodbstreams": "dynamodb",
    "logs": "logs",
    "cloudwatch": "cloudwatch",
}
REST = "rest"
# Calls to these change no other service's apart-written model.
SELF_CONTAINED = frozenset(
    {*APART, "ec2", "rds", "iam", "sts", "kms", "secretsmanager", "ssm", "elasticache"}
) - {"s3", "dynamodbstreams"}


class ControlPlane:
    """The model of all accounts, its lock, its journal and those who want to hear of changes."""

    def __init__(self, state: StateDir) -> None:
        self.state = state
        self.lock = threading.RLock()
        self.replaying = False
        self.trail: Recorder
        self.guard: Guard
        self._depth = 0
        self._subscribers: list[Callable[[], None]] = []
        self._journal = Journal(state.journal_dir, durable=state.durable)
        self._snapshots = Snapshots(state.snapshot_dir, durable=state.durable)
        self._changed: set[str] = set()
        self._snapshot_at = SNAPSHOT_RECORDS
        self._last_change = 0.0
        self._services: Services
        self._dispatcher: Dispatcher

    def attach(self, dispatcher: Dispatcher, services: Services) -> None:
        """Take what runs calls and what extends moto; before anything else."""
        self._dispatcher = dispatcher
        self._services = services
        backends.make_births_repeatable(self.state.identity(), services.install)

    def backends(self, service: str) -> Iterator[tuple[str, str, Any]]:
        """Yield the existing (account, region, backend) of `service`; creates nothing."""
        return backends.existing(service)

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call `callback`, outside the lock, after every journaled change."""
        self._subscribers.append(callback)

    def serve(self, request: Request) -> Answer:
        """Answer a request whose sender is known."""
        call = self._dispatcher.resolve(request)
        self._dispatcher.prepare(call.service)
        self._services.start(call.service)
        self.guard.check(call)
        plane = self._services.data_plane(call.service, call.action)
        if plane is not None:
            return plane.answer(call)
        if call.service == "s3":
            return self._services.module("s3").serve(call, self.perform)
        return polling.poll(call, self.perform) if polling.polls(call) else self.perform(call)

    def receive(self, request: Request, body: intake.Body) -> Request:
        """Read a large upload into the store of objects, while others may call."""
        with self.lock:
            self._services.install("s3")
        return replace(request, stored=intake.receive(body, request.headers))

    def perform(self, call: Call) -> Answer:
        """Run a call; when it changes the model it is on disk before this returns."""
        if call.waits:
            return self._dispatcher.run(call)
        with self.lock:
            self._services.install(call.service)
            self._touch(call.service)
            if call.reads or (call.service, call.action) in TRANSIENT:
                return self._dispatcher.run(call)
            try:
                answer = self._change(call)
            except OSError as error:
                reason = (
                    f"The change was not saved: {error.strerror or error}. Make room on the disk, then retry."
                )
                return faults.answer(faults.internal(call.protocol, reason), call.protocol)
        if not _refused(answer):
            self._tell()
        return answer

    def _change(self, call: Call) -> Answer:
        head, body = call.record()
        stamp: dict[str, Any] = {"seed": secrets.token_hex(8), "time": time.time_ns() // 1000}
        # Written before it runs: a full disk must refuse the call, not forget it.
        position = self._journal.append({"kind": "call", **stamp, **head}, body) if call.repeatable else None
        answer = self._run_repeatably(call, **stamp)
        if _refused(answer) or polling.found_nothing(call, answer):
            if position is not None:
                self._journal.take_back(position)
        elif position is None:
            self._journal.append({"kind": "model", "service": call.service}, pickles.dump([call.service]))
        self._snapshot_when_long()
        return answer

    def _run_repeatably(self, call: Call, seed: str, time: int) -> Answer:
        self._depth += 1
        try:
            with backends.repeatable(seed, time):
                return self._dispatcher.run(call)
        finally:
            self._depth -= 1

    def settle(self, service: str, account_id: str, region: str, name: str, /, **arguments: JSON) -> None:
        """Write what really happened back into the model by the settlement `name`, and journal it."""
        stamp: dict[str, Any] = {"seed": secrets.token_hex(8), "time": time.time_ns() // 1000}
        fact = {
            "service": service,
            "account": account_id,
            "region": region,
            "name": name,
            "arguments": arguments,
        }
        with self.lock:
            if self._depth or self.replaying:
                self._settle(fact, **stamp)
                return
            self._touch(service)
            position = self._journal.append({"kind": "settle", **stamp, **fact})
            try:
                self._settle(fact, **stamp)
            except BaseException:
                self._journal.take_back(position)
                raise
            self._snapshot_when_long()
        self._tell()

    def _settle(self, fact: dict[str, Any], seed: str, time: int) -> None:
        settlement = self._services.settlement(fact["service"], fact["name"])
        backend = backends.load(fact["service"])[fact["account"]][fact["region"]]
        with backends.repeatable(seed, time):
            settlement(backend, **fact["arguments"])

    def _tell(self) -> None:
        for callback in self._subscribers:
            callback()

    def restore(self) -> None:
        """Bring the model back: the snapshot, then every journaled change at its own time and seed."""
        with self.lock:
            self.replaying = True
            try:
                first, groups = self._snapshots.load()
                for blob in groups.values():
                    pickles.load(blob, self._services.install)
                for head, body in self._journal.read(first):
                    self._replay(head, body)
            except LocalawsError:
                raise
            except Exception as error:
                log.exception("the model cannot be restored")
                raise RestoreFailed(
                    f"The model in {self.state.path} cannot be restored ({type(error).__name__}: {error}). "
                    "Was it written by another version of the packages? Go back to that one, "
                    "or run `localaws reset` to start afresh."
                ) from error
            finally:
                self.replaying = False

    def _replay(self, head: dict[str, Any], body: bytes) -> None:
        from localaws.bridge.dispatch import Call

        self._touch(head["service"])
        self._services.install(head["service"])
        if head["kind"] == "model":
            pickles.load(body, self._services.install)
        elif head["kind"] == "settle":
            self._settle(head, head["seed"], head["time"])
        else:
            call = Call.from_record(head, body)
            answer = self._run_repeatably(call, head["seed"], head["time"])
            if answer.status >= 400:
                log.warning("replay: %s %s answered %s", call.service, call.action, answer.status)

    def mark(self, service: str) -> None:
        """Note, under the lock, that a model changed without the journal: the next snapshot has it."""
        self._changed.add(APART.get(service, REST))

    def _touch(self, service: str) -> None:
        if service in SELF_CONTAINED:
            self._changed |= {APART.get(service, REST), REST}
        else:
            self._changed |= {REST, *APART.values()}

    def _snapshot_when_long(self) -> None:
        self._last_change = time.monotonic()
        too_large = self._journal.length >= SNAPSHOT_BYTES and self._snapshot_at == SNAPSHOT_RECORDS
        if self._journal.count >= self._snapshot_at or too_large:
            self.checkpoint()

    def checkpoint_when_idle(self) -> None:
        """Write a snapshot in a quiet moment, so that the next start has little to replay."""
        quiet = time.monotonic() - self._last_change > IDLE_SECONDS
        if quiet and IDLE_RECORDS <= self._journal.count < self._snapshot_at:
            self.checkpoint()

    def checkpoint(self) -> bool:
        """Write a snapshot and drop the journal before it; False when that fails and the journal goes on."""
        with self.lock:
            if self._journal.count == 0:
                return True
            try:
                blobs = {group: pickles.dump(services) for group, services in self._groups().items()}
                for blob in blobs.values():
                    pickles.check(blob)
                segment = self._journal.rotate()
                self._snapshots.save(segment, blobs)
            except Exception:
                log.exception("no snapshot; the journal keeps everything")
                self._snapshot_at = 2 * max(self._journal.count, self._snapshot_at)
                return False
            self._changed.clear()
            self._snapshot_at = SNAPSHOT_RECORDS
            self._journal.forget(segment)
            return True

    def _groups(self) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {}
        for service in backends.services_in_use():
            groups.setdefault(APART.get(service, REST), []).append(service)
        return {group: services for group, services in groups.items() if group in self._changed}

    def close(self) -> None:
        """Write a last snapshot and close the journal."""
        self.checkpoint()
        with self.lock:
            self._journal.close()


def _refused(answer: Answer) -> bool:
    """Whether a call has changed nothing; one that failed half-way (5xx) would do so again at its replay."""
    return 400 <= answer.status < 500
