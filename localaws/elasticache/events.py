"""ElastiCache's events: AWS's messages, kept for 14 days (AWS: "Viewing ElastiCache events")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow

from localaws.elasticache import faults

KEPT = timedelta(days=14)
SOURCES = frozenset(
    {"cache-cluster", "cache-parameter-group", "cache-security-group", "cache-subnet-group"}
    | {"replication-group", "serverless-cache", "serverless-cache-snapshot", "user", "user-group"}
)


@dataclass(frozen=True)
class Event:
    """Something that has happened."""

    source: str
    source_type: str
    message: str
    date: datetime

    def describe(self) -> dict[str, Any]:
        """The event of an answer."""
        return {
            "SourceIdentifier": self.source,
            "SourceType": self.source_type,
            "Message": self.message,
            "Date": self.date,
        }


def tell(backend: Any, source_type: str, source: str, message: str) -> None:
    """Note that something has happened."""
    now = utcnow()
    backend.events[:] = [event for event in backend.events if now - event.date < KEPT]
    backend.events.append(Event(source, source_type, message, now))


def find(backend: Any, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events that a request asks for, the latest of the last hour without times."""
    kind, source = request.get("SourceType"), request.get("SourceIdentifier")
    if kind and kind not in SOURCES:
        raise faults.invalid(f"Invalid SourceType {kind}. Choose one of {', '.join(sorted(SOURCES))}.")
    if source and not kind:
        raise faults.combination("SourceIdentifier needs SourceType.")
    end = _time(request.get("EndTime")) or utcnow()
    begin = _time(request.get("StartTime")) or end - timedelta(minutes=int(request.get("Duration") or 60))
    return [
        event.describe()
        for event in backend.events
        if begin <= event.date <= end and kind in (None, event.source_type) and source in (None, event.source)
    ]


def _time(given: Any) -> datetime | None:
    if not given:
        return None
    moment = (
        given if isinstance(given, datetime) else datetime.fromisoformat(str(given).replace("Z", "+00:00"))
    )
    return moment.replace(tzinfo=None)
