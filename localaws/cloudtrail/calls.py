"""Which calls are management events, and which of those only read.

AWS: "Logging management events" and "Logging data events" in the CloudTrail user guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call

_ITEMS = frozenset(
    (
        "BatchExecuteStatement", "BatchGetItem", "BatchWriteItem", "DeleteItem", "ExecuteStatement",
        "ExecuteTransaction", "GetItem", "PutItem", "Query", "Scan", "TransactGetItems", "TransactWriteItems",
        "UpdateItem", "GetRecords", "GetShardIterator",
    )
)  # fmt: skip
_DATA = {
    "dynamodb": _ITEMS,
    "sqs": frozenset(
        (
            "SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch",
            "ChangeMessageVisibility", "ChangeMessageVisibilityBatch",
        )
    ),
    "sns": frozenset(("Publish", "PublishBatch")),
    "monitoring": frozenset(
        ("PutMetricData", "GetMetricData", "GetMetricStatistics", "GetMetricWidgetImage")
    ),
    "logs": frozenset(("PutLogEvents", "GetLogEvents", "FilterLogEvents")),
    "kinesis": frozenset(
        ("PutRecord", "PutRecords", "GetRecords", "GetShardIterator", "SubscribeToShard")
    ),
}  # fmt: skip
# What S3 tells by a query parameter is about the bucket, except for these.
_S3_LISTS = frozenset(
    (
        "delimiter", "encoding-type", "list-type", "marker", "max-keys", "prefix", "start-after", "delete",
        "continuation-token", "fetch-owner", "versions", "uploads", "key-marker", "version-id-marker", "",
    )
)  # fmt: skip
_READS = (
    "Describe", "Get", "List", "Head", "Lookup", "Search", "Select", "Estimate", "Simulate", "Validate",
    "BatchGet", "Decrypt", "Encrypt", "GenerateDataKey", "GenerateMac", "GenerateRandom", "Verify", "Sign",
    "ReEncrypt", "AssumeRole", "Preview", "Filter", "Download", "Test", "Query", "Scan", "TransactGet",
)  # fmt: skip
_WRITING = frozenset({"TestFailover", "TestMigration", "SignalResource", "SignupUser"})


def on_data(call: Call) -> bool:
    """Whether a call is a data event: on items, objects, messages or points, not on what holds them."""
    name = call.request.signing_name
    if name == "s3":
        return _on_objects(call)
    if name == "lambda":
        return call.waits or call.request.path.endswith(("/invocations", "/invoke-async"))
    return call.action in _DATA.get(name, ())


def _on_objects(call: Call) -> bool:
    request = call.request
    _, _, key = request.path.lstrip("/").partition("/")
    if key:
        return True
    if not request.path.strip("/"):
        return False
    named = {name for name, _ in request.parameters if not name.startswith(("X-Amz-", "x-id"))} or {""}
    return named <= _S3_LISTS and request.method in ("GET", "HEAD", "POST")


def only_reads(name: str) -> bool:
    """Whether the operation `name` leaves everything as it is."""
    return name.startswith(_READS) and name not in _WRITING
