"""CloudTrail's API: moto's, with the event history and what AWS says of a trail."""

from __future__ import annotations

import json
import time
from typing import Any

from moto.cloudtrail.models import Trail
from moto.cloudtrail.responses import CloudTrailResponse as Base
from moto.core.utils import iso_8601_datetime_without_milliseconds as iso

from localaws.cloudtrail import lookup, selectors
from localaws.cloudtrail.host import HOST


class CloudTrailResponse(Base):
    """CloudTrail's operations."""

    def lookup_events(self) -> str:
        asked: dict[str, Any] = json.loads(self.body or "{}")
        search = lookup.search_of(asked, self.current_account, self.region)
        recorder = HOST.recorder
        if recorder is None:
            return json.dumps({"Events": []})
        return json.dumps(lookup.page(recorder.store.search(search), search, asked))

    def create_trail(self) -> str:
        super().create_trail()
        return json.dumps(_described(self.cloudtrail_backend.get_trail(self._get_param("Name"))))

    def update_trail(self) -> str:
        super().update_trail()
        return json.dumps(_described(self.cloudtrail_backend.own(self._get_param("Name"))))

    def get_trail(self) -> str:
        name = self._get_param("Name")
        return json.dumps({"Trail": _described(self.cloudtrail_backend.get_trail(name)) | _facts(self, name)})

    def describe_trails(self) -> str:
        wanted = self._get_param("trailNameList") or []
        shadows = self._get_bool_param("includeShadowTrails", True)
        trails = [
            _described(trail) | {"HomeRegion": trail.region_name, **_selected(trail)}
            for trail in self.cloudtrail_backend.describe_trails(shadows)
            if not wanted or trail.trail_name in wanted or trail.arn in wanted
        ]
        return json.dumps({"trailList": trails})

    def get_trail_status(self) -> str:
        status = self.cloudtrail_backend.get_trail_status(self._get_param("Name"))
        return json.dumps(_status(status))


def _described(trail: Trail) -> dict[str, Any]:
    """AWS leaves out what is not set."""
    return {name: value for name, value in trail.description().items() if value is not None}


def _selected(trail: Trail) -> dict[str, Any]:
    return {"HasCustomEventSelectors": bool(trail.event_selectors or trail.advanced_event_selectors)}


def _facts(response: CloudTrailResponse, name: str) -> dict[str, Any]:
    trail = response.cloudtrail_backend.get_trail(name)
    return {"HomeRegion": trail.region_name, **_selected(trail)}


def _status(status: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"IsLogging": status.is_logging}
    for noun, moment in (("Start", status.started), ("Stop", status.stopped)):
        if moment:
            found[f"{noun}LoggingTime"] = int(_seconds(moment))
        found[f"TimeLogging{'Started' if noun == 'Start' else 'Stopped'}"] = iso(moment) if moment else ""
    attempt = getattr(status, "attempt_time", None)
    error = getattr(status, "error", None)
    # what never was is an empty string there, not left out
    found["LatestDeliveryAttemptTime"] = _written(attempt) if attempt else ""
    found["LatestDeliveryAttemptSucceeded"] = _written(attempt) if attempt and not error else ""
    found["LatestNotificationAttemptTime"] = found["LatestNotificationAttemptSucceeded"] = ""
    if attempt:
        found["LatestDeliveryTime"] = status.latest_delivery_time
    if error:
        found["LatestDeliveryError"] = error
    return found


def _seconds(moment: Any) -> float:
    from datetime import UTC

    return float(moment.replace(tzinfo=UTC).timestamp())


def _written(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def wanted_services(trails: list[Trail]) -> frozenset[str]:
    """Return the services whose data events some logging trail wants."""
    found: frozenset[str] = frozenset()
    for trail in trails:
        if trail.status.is_logging:
            found |= selectors.services(trail.event_selectors, trail.advanced_event_selectors)
    return found
