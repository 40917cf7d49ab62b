"""Delivers the events of trails to their buckets, seconds after the calls (AWS: about five minutes)."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from localaws.cloudtrail import logs, responses, selectors
from localaws.cloudtrail.store import Row
from localaws.s3 import objects

if TYPE_CHECKING:
    from moto.cloudtrail.models import Trail

    from localaws.cloudtrail.recorder import Recorder
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine, Reconciler

log = logging.getLogger("localaws")

EVENTS_IN_A_FILE = 1000
GLOBAL = frozenset({"iam.amazonaws.com", "sts.amazonaws.com", "cloudfront.amazonaws.com"})
Found = tuple[Any, "Trail"]


@dataclass
class Delivery:
    """Looks whether trails have something to deliver."""

    control: ControlPlane
    recorder: Recorder
    reconciler: Reconciler

    def reconcile(self) -> None:
        """Deliver what is new."""
        trails = [trail for _, trail in self._trails()]
        if trails and (self.recorder.waiting or self._behind(trails)):
            self.reconciler.submit("cloudtrail", self.deliver)

    def select(self) -> None:
        """Tell the recorder which data events are wanted."""
        self.recorder.selected = responses.wanted_services([trail for _, trail in self._trails()])

    def _behind(self, trails: list[Trail]) -> bool:
        last = self.recorder.store.last()
        return any((self.recorder.store.progress(trail.arn) or (-1, 0))[0] < last for trail in trails)

    def _trails(self) -> Iterator[Found]:
        for _, _, backend in self.control.backends("cloudtrail"):
            for trail in list(backend.trails.values()):
                yield backend, trail

    def deliver(self) -> None:
        """Deliver to every trail what it has not had."""
        self.recorder.flush()
        found = list(self._trails())
        self.recorder.store.forget_trails([trail.arn for _, trail in found])
        for backend, trail in found:
            self._deliver(backend, trail)

    def _deliver(self, backend: Any, trail: Trail) -> None:
        store = self.recorder.store
        done, planned = store.progress(trail.arn) or (_before(trail, store.last()), 0)
        while rows := store.after(done, EVENTS_IN_A_FILE):
            # after a crash the same events make the same file again
            last = planned if planned > done else rows[-1].sequence
            store.set_progress(trail.arn, done, last)
            wanted = [row for row in rows if row.sequence <= last and _wants(trail, row)]
            error = self._put(backend, trail, wanted) if wanted else None
            if wanted:
                self._settle(backend, trail, error)
            if error is not None:
                return
            done, planned = last, 0
            store.set_progress(trail.arn, done, done)

    def _put(self, backend: Any, trail: Trail, rows: list[Row]) -> str | None:
        """Write the files of some events; return AWS's name of what is in the way."""
        error: str | None = backend.problem(trail)
        if error is not None:
            return error
        for region, group in groupby(sorted(rows, key=_by_region), key=_by_region):
            part = list(group)
            data = gzip.compress(_file(part), mtime=part[-1].time // 10**6)
            key = _key(trail, region, part)
            if not objects.put(
                self.control, trail.account_id, trail.bucket_name, key, data, kind="application/json"
            ):
                return "NoSuchBucket"
        logs.put(self.control, trail, rows)
        return None

    def _settle(self, backend: Any, trail: Trail, error: str | None) -> None:
        if error is not None and error == getattr(trail.status, "error", None):
            return
        self.control.settle(
            "cloudtrail",
            backend.account_id,
            backend.region_name,
            "delivered",
            name=trail.trail_name,
            time=int(time.time()),
            error=error,
        )

    def shutdown(self) -> None:
        """Deliver what is left."""
        try:
            self.deliver()
        except Exception:
            log.exception("the trails deliver the rest after the next start")

    def engines(self) -> list[Engine]:
        """CloudTrail has no servers."""
        return []


def _before(trail: Trail, last: int) -> int:
    """Where a new trail begins: with the events since it logs, which their times tell."""
    return 0 if trail.status.is_logging else last


def _by_region(row: Row) -> str:
    return row.region


def _wants(trail: Trail, row: Row) -> bool:
    status = trail.status
    if status.started is None or row.time < _micros(status.started):
        return False
    if not status.is_logging and row.time > _micros(status.stopped):
        return False
    event = json.loads(row.document)
    everywhere = trail.include_global_service_events and event["eventSource"] in GLOBAL
    if not (trail.is_multi_region or row.region == trail.region_name or everywhere):
        return False
    if event["recipientAccountId"] != trail.account_id:
        return False
    return selectors.wants(trail.event_selectors, trail.advanced_event_selectors, event)


def _micros(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp() * 10**6)


def _file(rows: list[Row]) -> bytes:
    return b'{"Records":[' + b",".join(row.document.encode() for row in rows) + b"]}"


def _key(trail: Trail, region: str, rows: list[Row]) -> str:
    when = datetime.fromtimestamp(rows[-1].time / 1e6, UTC)
    words = f"{trail.arn} {rows[0].sequence} {rows[-1].sequence}"
    unique = hashlib.sha256(words.encode()).hexdigest()[:16]
    prefix = f"{trail.s3_key_prefix}/" if trail.s3_key_prefix else ""
    account = trail.account_id
    folder = f"{prefix}AWSLogs/{account}/CloudTrail/{region}/{when:%Y/%m/%d}"
    return f"{folder}/{account}_CloudTrail_{region}_{when:%Y%m%dT%H%MZ}_{unique}.json.gz"
