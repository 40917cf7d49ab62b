"""Events for CloudWatch Logs, where a trail names a log group."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from localaws.bridge.dispatch import Call
from localaws.signature import Request

if TYPE_CHECKING:
    from moto.cloudtrail.models import Trail

    from localaws.cloudtrail.store import Row
    from localaws.control import ControlPlane

log = logging.getLogger("localaws")

_TARGET = "Logs_20140328."


def put(control: ControlPlane, trail: Trail, rows: list[Row]) -> None:
    """Write the events to the stream of the trail's account and Region, which is made when it is missing."""
    if not trail.cw_log_group_arn:
        return
    group = trail.cw_log_group_arn.split(":log-group:")[-1].removesuffix(":*")
    stream = f"{trail.account_id}_CloudTrail_{trail.region_name}"
    place = {"logGroupName": group, "logStreamName": stream}
    _ask(control, trail.region_name, "CreateLogStream", place)
    events = [{"timestamp": row.time // 1000, "message": row.document} for row in rows]
    status = _ask(control, trail.region_name, "PutLogEvents", place | {"logEvents": events})
    if status >= 400:
        log.warning("the events of %s did not reach the log group %s", trail.arn, group)


def _ask(control: ControlPlane, region: str, action: str, asked: dict[str, object]) -> int:
    headers = {
        "x-amz-target": _TARGET + action,
        "content-type": "application/x-amz-json-1.1",
        "host": f"logs.{region}.amazonaws.com",
        "authorization": f"AWS4-HMAC-SHA256 Credential=cloudtrail/20260101/{region}/logs/aws4_request, ",
    }
    request = Request("POST", "/", headers, json.dumps(asked).encode())
    return control.perform(Call("logs", region, request)).status
