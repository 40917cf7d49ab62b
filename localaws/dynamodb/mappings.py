"""Event source mappings: changes of a stream are handed to Lambda functions, batch after batch.

A batch that fails is tried again, as long as its records can be read or MaximumRetryAttempts allows. Where a
mapping has got to is in the model: after a crash it goes on there.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.dynamodb import streamlog

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.dynamodb.stores import Stores
    from localaws.dynamodb.streamlog import Stream
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)

WORKERS = 4
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0


@dataclass(frozen=True)
class Mapping:
    """An event source mapping at one moment."""

    account_id: str
    region: str
    uuid: str
    function: str
    stream: Stream
    batch: int
    from_start: bool
    retries: int
    position: int | None


@dataclass
class Attempts:
    """How often the batch at hand has failed."""

    number: int = 0
    until: float = 0.0


class Mappings:
    """Hands batches to functions, one at a time for each mapping."""

    def __init__(self, control: ControlPlane, runtime: Runtime, stores: Stores) -> None:
        self._control = control
        self._runtime = runtime
        self._stores = stores
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._attempts: dict[str, Attempts] = {}
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="mappings")

    def look(self) -> None:
        """Begin with each mapping that is not busy and has something to do."""
        for mapping in self._mappings():
            attempts = self._attempts.setdefault(mapping.uuid, Attempts())
            with self._lock:
                if mapping.uuid in self._busy or time.monotonic() < attempts.until:
                    continue
                self._busy.add(mapping.uuid)
            self._pool.submit(self._attend, mapping, attempts)

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _mappings(self) -> list[Mapping]:
        with self._control.lock:
            sources = [
                (account, region, each)
                for account, region, backend in self._control.backends("awslambda")
                for each in backend._event_source_mappings.values()
                if ":dynamodb:" in each.event_source_arn and each.enabled
            ]
            if not sources:
                return []
            found = {stream.arn: stream for stream in streamlog.streams(self._control)}
            positions = {
                uuid: after
                for _, _, backend in self._control.backends("dynamodb")
                for uuid, after in backend.delivered.items()
            }
        return [
            _mapping(account, region, each, found[each.event_source_arn], positions.get(each.uuid))
            for account, region, each in sources
            if each.event_source_arn in found
        ]

    def _attend(self, mapping: Mapping, attempts: Attempts) -> None:
        try:
            self._deliver(mapping, attempts)
        except Exception:
            log.exception("the event source mapping %s failed and will be tried again", mapping.uuid)
            self._hold(attempts)
        finally:
            with self._lock:
                self._busy.discard(mapping.uuid)

    def _deliver(self, mapping: Mapping, attempts: Attempts) -> None:
        stream = mapping.stream
        store = stream.store(self._stores)
        position = mapping.position
        if position is None:
            position = stream.first(store) if mapping.from_start else stream.last(store)
            self._settle(mapping, position)
        records, after, _ = streamlog.records(stream, store, position, mapping.batch)
        if not records:
            return
        reason = self._invoke(mapping, records)
        if reason is not None:
            log.warning("the function of the event source mapping %s failed: %s", mapping.uuid, reason)
            if mapping.retries < 0 or attempts.number < mapping.retries:
                self._hold(attempts)
                return
        attempts.number, attempts.until = 0, 0.0
        self._settle(mapping, after)

    def _invoke(self, mapping: Mapping, records: list[dict[str, Any]]) -> str | None:
        from localaws.awslambda import functions

        running = functions.start(self._control, self._runtime)
        view = running.view(mapping.account_id, mapping.region, mapping.function)
        event = {"Records": [_event(record, mapping.stream.arn) for record in records]}
        outcome = running.invoke(view, event)
        return outcome.reason or outcome.error if outcome.error else None

    def _hold(self, attempts: Attempts) -> None:
        attempts.until = time.monotonic() + min(FIRST_PAUSE * 2**attempts.number, LONGEST_PAUSE)
        attempts.number += 1

    def _settle(self, mapping: Mapping, position: int) -> None:
        stream = mapping.stream
        self._control.settle(
            "dynamodb",
            stream.account_id,
            stream.region,
            "handed_over",
            mapping=mapping.uuid,
            position=position,
        )


def _mapping(account: str, region: str, each: Any, stream: Stream, position: int | None) -> Mapping:
    retries = each.max_retry_attempts
    return Mapping(
        account_id=account,
        region=region,
        uuid=each.uuid,
        function=each.function_arn,
        stream=stream,
        batch=int(each.batch_size),
        from_start=each.starting_position == "TRIM_HORIZON",
        retries=-1 if retries is None else int(retries),
        position=position,
    )


def _event(record: dict[str, Any], arn: str) -> dict[str, Any]:
    event = {**record, "eventSourceARN": arn}
    if "userIdentity" in record:
        identity = record["userIdentity"]
        event["userIdentity"] = {"principalId": identity["PrincipalId"], "type": identity["Type"]}
    return event
