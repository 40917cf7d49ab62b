"""The record of one call, and the event that it becomes.

AWS: "CloudTrail record contents".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localaws.bridge import operations
from localaws.bridge.operations import Operation
from localaws.cloudtrail import calls, implied, resources, shapes
from localaws.faults import Answer

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call

VERSION = "1.11"
# Their single result stands without its name around it.
_UNWRAPPED = frozenset({"rds", "elasticache", "redshift"})
# Read-only, and yet the answer is recorded: who got which session.
_TOLD = frozenset({"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})
_SOURCES = {"streams.dynamodb": "dynamodb", "states": "states", "email": "ses"}
_ITEM_KEYS = frozenset({"tableName", "key", "consistentRead", "requestItems", "indexName"})
_GLOBAL = frozenset({"iam", "cloudfront", "route53"})


@dataclass(frozen=True)
class Event:
    """An event and what it is looked up by."""

    document: dict[str, Any]
    user: str
    resources: list[dict[str, str]]

    @property
    def management(self) -> bool:
        """Whether it belongs to the event history."""
        return bool(self.document["managementEvent"])


def read(head: dict[str, Any], call: Call, answer: Answer) -> list[Event]:
    """Return the event of a recorded call, and those of the calls that AWS makes on its behalf."""
    operation = operations.of(call)
    if operation is None:
        return []
    result = operations.result(operation, answer)
    document = _document(head, call, operation)
    failed = _error(operation, result, answer)
    shown = _parameters(operation)
    answered = None if failed or not _tells(operation.name) else _answer(operation, result)
    document |= failed | {"requestParameters": shown, "responseElements": answered}
    if document["eventCategory"] == "Data":
        document["resources"] = _data_resources(operation, shown or {}, head["account"], call.region)
    named = resources.found(_short(operation), shown, answered)
    event = Event(document, head["user"], named)
    return [event, *(_implied(event, each) for each in implied.of(document, result))]


def _document(head: dict[str, Any], call: Call, operation: Operation) -> dict[str, Any]:
    on_data = calls.on_data(call)
    when = datetime.fromtimestamp(head["time"] / 1e6, UTC)
    prefix = operation.endpoint_prefix
    return {
        "eventVersion": VERSION,
        "userIdentity": head["identity"],
        "eventTime": f"{when:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": f"{_SOURCES.get(prefix, prefix)}.amazonaws.com",
        "eventName": operation.name,
        "awsRegion": "us-east-1" if operation.service in _GLOBAL else call.region,
        "sourceIPAddress": head["source"],
        "userAgent": call.request.headers.get("user-agent", ""),
        "requestID": head["request"],
        "eventID": head["id"],
        "readOnly": calls.only_reads(operation.name),
        "eventType": "AwsApiCall",
        "managementEvent": not on_data,
        "recipientAccountId": head["account"],
        "eventCategory": "Data" if on_data else "Management",
    }


def _tells(name: str) -> bool:
    return not calls.only_reads(name) or name in _TOLD


def _parameters(operation: Operation) -> dict[str, Any] | None:
    shown = shapes.written(operation.service, operation.model.input_shape, operation.parameters)
    if shown and operation.service == "s3" and "bucket" in shown:
        shown = {"bucketName": shown.pop("bucket"), **shown}
    if shown and operation.service == "dynamodb" and "tableName" in shown and "item" in shown:
        shown = {name: value for name, value in shown.items() if name in _ITEM_KEYS}
    if shown and operation.service == "dynamodb" and not {"requestItems", "transactItems"}.isdisjoint(shown):
        shown = _without_items(shown)
    return shown


def _without_items(value: Any) -> Any:
    """Return the parameters of several writes without what they write."""
    if isinstance(value, dict):
        return {name: _without_items(inner) for name, inner in value.items() if name != "item"}
    return [_without_items(inner) for inner in value] if isinstance(value, list) else value


def _answer(operation: Operation, result: dict[str, Any]) -> dict[str, Any] | None:
    shown = shapes.written(operation.service, operation.model.output_shape, result)
    if operation.service == "ec2":
        return {"_return": True} if shown is None else shown
    if shown and operation.service in _UNWRAPPED and len(shown) == 1:
        inner = next(iter(shown.values()))
        return inner if isinstance(inner, dict) else shown
    return shown


def _error(operation: Operation, result: dict[str, Any], answer: Answer) -> dict[str, str]:
    if answer.status < 400:
        return {}
    error = result.get("Error", {})
    code = str(error.get("Code") or answer.status)
    message = str(error.get("Message") or "")
    if operation.service == "ec2":
        code = f"{'Client' if answer.status < 500 else 'Server'}.{code}"
    code = "AccessDenied" if code == "AccessDeniedException" else code
    return {"errorCode": code} | ({"errorMessage": message} if message else {})


def _short(operation: Operation) -> str:
    return "monitoring" if operation.service == "cloudwatch" else operation.service


def _data_resources(
    operation: Operation, shown: dict[str, Any], account: str, region: str
) -> list[dict[str, str]]:
    if operation.service == "s3":
        bucket = f"arn:aws:s3:::{shown.get('bucketName', '')}"
        found = [{"type": "AWS::S3::Object", "ARN": f"{bucket}/{shown['key']}"}] if "key" in shown else []
        return [*found, {"accountId": account, "type": "AWS::S3::Bucket", "ARN": bucket}]
    if operation.service == "lambda":
        name = str(shown.get("functionName", "")).rpartition(":")[2]
        arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
        return [{"accountId": account, "type": "AWS::Lambda::Function", "ARN": arn}]
    tables = [shown["tableName"]] if "tableName" in shown else list(shown.get("requestItems") or ())
    parts = (part for each in shown.get("transactItems") or () for part in each.values() if part)
    tables += dict.fromkeys(part["tableName"] for part in parts if "tableName" in part)
    prefix = f"arn:aws:dynamodb:{region}:{account}:table/"
    return [
        {"accountId": account, "type": "AWS::DynamoDB::Table", "ARN": prefix + name.rpartition("/")[2]}
        for name in tables
    ]


def _implied(cause: Event, each: implied.Implied) -> Event:
    identity = {**cause.document["userIdentity"], "invokedBy": each.service}
    document = {
        **cause.document,
        "userIdentity": identity,
        "eventSource": each.source,
        "eventName": each.name,
        "sourceIPAddress": each.service,
        "userAgent": each.service,
        "requestParameters": each.parameters,
        "responseElements": each.answer,
        "eventID": each.identifier(cause.document["eventID"]),
        "requestID": each.identifier(cause.document["requestID"]),
    }
    named = resources.found(each.source.partition(".")[0], each.parameters, each.answer)
    return Event(document, cause.user, named)


def line(document: dict[str, Any]) -> str:
    """Return an event as it is stored, looked up and delivered."""
    return json.dumps(document, separators=(",", ":"))
