"""The event history: `lookup_events`.

AWS: "LookupEvents" in the CloudTrail API reference. Events are there at once; on AWS after up to 15 minutes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

from localaws.cloudtrail import faults
from localaws.cloudtrail.store import DAYS, Row, Search

ATTRIBUTES = frozenset(
    (
        "EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource",
        "AccessKeyId",
    )
)  # fmt: skip
MOST = 50
DAY = 86400


def search_of(asked: dict[str, Any], account_id: str, region: str) -> Search:
    """Return what the parameters ask, or raise AWS's error."""
    attributes = asked.get("LookupAttributes") or []
    if len(attributes) > 1:
        raise faults.several_attributes()
    pair = (
        (attributes[0].get("AttributeKey", ""), attributes[0].get("AttributeValue", ""))
        if attributes
        else None
    )
    if pair is not None and pair[0] not in ATTRIBUTES:
        raise faults.attribute(pair[0])
    now = int(time.time())
    start, end = int(asked.get("StartTime") or 0), int(asked.get("EndTime") or now + DAY)
    if start > end:
        raise faults.time_range()
    limit = asked.get("MaxResults") or MOST
    if not 1 <= limit <= MOST:
        raise faults.max_results()
    oldest = max(start, now - DAYS * DAY)
    plain = Search(account_id, region, pair, oldest, end, None, limit)
    token = asked.get("NextToken")
    return plain if not token else _after(plain, token, asked)


def _after(search: Search, token: str, asked: dict[str, Any]) -> Search:
    try:
        time, sequence, digest = json.loads(base64.urlsafe_b64decode(token))
        before = int(time), int(sequence)
    except (ValueError, TypeError):
        raise faults.token() from None
    if digest != _digest(asked):
        raise faults.token()
    return Search(
        search.account, search.region, search.attribute, search.start, search.end, before, search.limit
    )


def _digest(asked: dict[str, Any]) -> str:
    """What makes two look-ups the same, whatever their page."""
    words = [asked.get(name) for name in ("LookupAttributes", "StartTime", "EndTime")]
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()[:12]


def page(rows: list[Row], search: Search, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of the API."""
    found: dict[str, Any] = {"Events": [_event(row) for row in rows]}
    if len(rows) == search.limit:
        last = [rows[-1].time, rows[-1].sequence, _digest(asked)]
        found["NextToken"] = base64.urlsafe_b64encode(json.dumps(last).encode()).decode()
    return found


def _event(row: Row) -> dict[str, Any]:
    document = json.loads(row.document)
    key = document["userIdentity"].get("accessKeyId")
    return {
        "EventId": document["eventID"],
        "EventName": document["eventName"],
        "ReadOnly": str(document["readOnly"]).lower(),
        "EventTime": row.time // 10**6,
        "EventSource": document["eventSource"],
        "Username": row.user,
        "Resources": json.loads(row.resources),
        "CloudTrailEvent": row.document,
    } | ({"AccessKeyId": key} if key else {})
