"""What a dashboard's body may hold (CloudWatch: Dashboard body structure and syntax)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from localaws.cloudwatch.faults import CloudWatchException

TYPES = ("alarm", "custom", "explorer", "log", "metric", "text")
WIDTH, MOST, LONGEST = 24, 500, 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
_METRIC_VIEWS = ("timeSeries", "singleValue", "gauge", "bar", "pie", "table")


class DashboardInvalid(CloudWatchException):
    """The name or the body of a dashboard cannot be taken."""

    code = "InvalidParameterInput"


def check(name: str, body: str) -> list[dict[str, str]]:
    """Refuse what AWS refuses; return DashboardValidationMessages, the warnings about the rest."""
    if not _NAME.match(name):
        raise DashboardInvalid(
            f"The value {name} for field DashboardName contains invalid characters. It can only contain "
            "alphanumerics, dash (-) and underscore (_)."
        )
    if len(body) > LONGEST:
        raise DashboardInvalid(f"The dashboard body is longer than {LONGEST} bytes.")
    try:
        found = json.loads(body)
    except ValueError as error:
        raise DashboardInvalid("Body is invalid JSON") from error
    errors, warnings = _look(found)
    if errors:
        listed = "; ".join(f"{error['DataPath'] or '/'}: {error['Message']}" for error in errors)
        raise DashboardInvalid(
            f"The field DashboardBody must be a valid JSON object with a valid widgets list. {listed}"
        )
    return warnings


Messages = list[dict[str, str]]


def _look(body: Any) -> tuple[Messages, Messages]:
    if not isinstance(body, dict) or not isinstance(body.get("widgets"), list):
        return [_message("", "Should have an array of widgets")], []
    errors, warnings = [], []
    if len(body["widgets"]) > MOST:
        errors.append(_message("/widgets", f"Should have at most {MOST} items"))
    for number, widget in enumerate(body["widgets"]):
        path = f"/widgets/{number}"
        if not isinstance(widget, dict):
            errors.append(_message(path, "Should be an object"))
            continue
        errors += _errors(path, widget)
        warnings += [
            _message(f"{path}/{key}", "Unknown property")
            for key in widget
            if key not in ("type", "x", "y", "width", "height", "properties")
        ]
    return errors, warnings


def _message(path: str, text: str) -> dict[str, str]:
    return {"DataPath": path, "Message": text}


def _errors(path: str, widget: Mapping[str, Any]) -> Messages:
    kind = widget.get("type")
    if kind not in TYPES:
        return [_message(f"{path}/type", f"Should be one of {', '.join(TYPES)}")]
    found = []
    for key, least, most in (("x", 0, WIDTH - 1), ("y", 0, None), ("width", 1, WIDTH), ("height", 1, 1000)):
        value = widget.get(key)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and least <= value and (most is None or value <= most)):
            found.append(_message(f"{path}/{key}", f"Should be an integer from {least} to {most or 'any'}"))
    properties = widget.get("properties")
    if not isinstance(properties, dict):
        return [*found, _message(f"{path}/properties", "Should be an object")]
    look = _PROPERTIES.get(kind)
    return found + (look(f"{path}/properties", properties) if look else [])


def _text(path: str, properties: Mapping[str, Any]) -> Messages:
    if isinstance(properties.get("markdown"), str):
        return []
    return [_message(f"{path}/markdown", "Should have required property 'markdown'")]


def _alarm(path: str, properties: Mapping[str, Any]) -> Messages:
    arns = properties.get("alarms")
    if isinstance(arns, list) and arns and all(isinstance(arn, str) for arn in arns):
        return []
    return [_message(f"{path}/alarms", "Should be an array of alarm ARNs")]


def _metric(path: str, properties: Mapping[str, Any]) -> Messages:
    found = []
    alarms = (properties.get("annotations") or {}).get("alarms")
    metrics = properties.get("metrics")
    if not metrics and not alarms:
        found.append(_message(f"{path}/metrics", "Should have metrics, or an alarm annotation"))
    for number, metric in enumerate(metrics or ()):
        if not _is_metric(metric):
            text = 'Should be [namespace, name, dimension, value, …, options] or [{"expression": …}]'
            found.append(_message(f"{path}/metrics/{number}", text))
    if "region" not in properties:
        found.append(_message(f"{path}/region", "Should have required property 'region'"))
    view = properties.get("view", "timeSeries")
    if view not in _METRIC_VIEWS:
        found.append(_message(f"{path}/view", f"Should be one of {', '.join(_METRIC_VIEWS)}"))
    return found


def _is_metric(metric: Any) -> bool:
    if not isinstance(metric, list) or not metric:
        return False
    words = metric[:-1] if isinstance(metric[-1], dict) else metric
    if not words:
        return "expression" in metric[-1]
    return len(words) % 2 == 0 and all(isinstance(word, str) for word in words)


_PROPERTIES = {"text": _text, "alarm": _alarm, "metric": _metric}
