"""Amazon DynamoDB Streams: its four operations, answered from the change logs of the tables."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from localaws import faults
from localaws.dynamodb import streamlog
from localaws.dynamodb.counters import Series
from localaws.dynamodb.parts import Parts, parts
from localaws.dynamodb.store import StoreGone
from localaws.dynamodb.streamlog import FIRST, Stream
from localaws.faults import Answer, Fault
from localaws.state import ACCOUNT_ID

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call
    from localaws.control import ControlPlane
    from localaws.dynamodb.store import TableStore
    from localaws.reconcile import Controller, Engine
    from localaws.runtime import Runtime

ITERATOR_SECONDS = 900.0
MOST_RECORDS, MOST_LISTED = 1000, 100
SETTLEMENTS: dict[str, Callable[..., None]] = {}

Document = dict[str, Any]


def install(control: ControlPlane | None) -> None:
    """Nothing of moto's is extended: no call comes as far as that."""


class Nothing:
    """The controller of a service without any work."""

    def reconcile(self) -> None:
        """Nothing has to be kept running."""

    def shutdown(self) -> None:
        """Nothing runs."""

    def engines(self) -> list[Engine]:
        """No servers."""
        return []


def start(control: ControlPlane, runtime: Runtime) -> Controller:  # noqa: ARG001 - every service has the same signature
    """Return a controller: the tables' own does all the work."""
    return Nothing()


def data_plane(control: ControlPlane) -> StreamPlane:
    """Return what answers the operations, past the model's lock."""
    return StreamPlane(control, parts(control))


def not_found(arn: str) -> Fault:
    """The fault of a stream that does not exist, or no more."""
    return Fault("ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found")


class StreamPlane:
    """The operations on all streams of the account."""

    operations = frozenset({"ListStreams", "DescribeStream", "GetShardIterator", "GetRecords"})

    def __init__(self, control: ControlPlane, shared: Parts) -> None:
        self._control = control
        self._stores = shared.stores
        self._counters = shared.admission.counters
        self._answers: dict[str, Callable[[Document, str], Document]] = {
            "ListStreams": self._list,
            "DescribeStream": self._describe,
            "GetShardIterator": self._iterator,
            "GetRecords": self._records,
        }

    def answer(self, call: Call) -> Answer:
        """Answer an operation on streams."""
        try:
            request = json.loads(call.request.body or b"{}")
            body = json.dumps(self._answers[call.action](request, call.region)).encode()
        except Fault as fault:
            return faults.answer(fault, call.protocol)
        except (FileNotFoundError, StoreGone):
            return faults.answer(not_found(request.get("StreamArn", "")), call.protocol)
        headers = [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(body)))]
        return Answer(200, headers, body)

    def _list(self, request: Document, region: str) -> Document:
        name, start = request.get("TableName"), request.get("ExclusiveStartStreamArn") or ""
        found = [
            stream
            for stream in streamlog.streams(self._control)
            if (stream.account_id, stream.region) == (ACCOUNT_ID, region)
            and name in (None, stream.table)
            and stream.arn > start
        ]
        page = found[: request.get("Limit") or MOST_LISTED]
        answer: Document = {
            "Streams": [
                {"StreamArn": stream.arn, "TableName": stream.table, "StreamLabel": stream.label}
                for stream in page
            ]
        }
        return answer | ({"LastEvaluatedStreamArn": page[-1].arn} if len(found) > len(page) else {})

    def _find(self, arn: str) -> Stream:
        for stream in streamlog.streams(self._control):
            if stream.arn == arn:
                return stream
        raise not_found(arn)

    def _describe(self, request: Document, region: str) -> Document:  # noqa: ARG002 - the ARN tells the Region
        stream = self._find(request["StreamArn"])
        store = stream.store(self._stores)
        span = {"StartingSequenceNumber": str(FIRST + stream.first(store) + 1)}
        if stream.until is not None:
            span["EndingSequenceNumber"] = str(FIRST + stream.last(store))
        shards = [{"ShardId": stream.shard, "SequenceNumberRange": span}]
        described = {
            "StreamArn": stream.arn,
            "StreamLabel": stream.label,
            "StreamStatus": "ENABLED" if stream.until is None else "DISABLED",
            "StreamViewType": stream.view,
            "CreationRequestDateTime": stream.since / 1_000_000,
            "TableName": stream.table,
            "KeySchema": list(stream.key_schema),
            "Shards": [] if request.get("ExclusiveStartShardId") or request.get("ShardFilter") else shards,
        }
        return {"StreamDescription": described}

    def _iterator(self, request: Document, region: str) -> Document:  # noqa: ARG002 - the ARN tells the Region
        stream = self._find(request["StreamArn"])
        if request["ShardId"] != stream.shard:
            raise Fault(
                "ResourceNotFoundException",
                f"Requested resource not found: Shard: {request['ShardId']} in Stream: {stream.arn} not found"
                "",
            )
        after = self._start(stream, stream.store(self._stores), request)
        return {"ShardIterator": _token(stream.arn, after)}

    def _start(self, stream: Stream, store: TableStore, request: Document) -> int:
        kind = request["ShardIteratorType"]
        if kind == "TRIM_HORIZON":
            return stream.first(store)
        if kind == "LATEST":
            return stream.last(store)
        if kind == "AT_TIMESTAMP":
            moment = int(float(request.get("Timestamp") or 0) * 1_000_000)
            return max(stream.first(store), streamlog.after_moment(store, moment))
        if kind not in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
            raise Fault("ValidationException", f"Unknown ShardIteratorType: {kind}")
        given = str(request.get("SequenceNumber") or "")
        if not given.isdigit():
            raise Fault(
                "ValidationException", f"ShardIteratorType {kind} needs a SequenceNumber of this shard"
            )
        after = int(given) - FIRST - (kind == "AT_SEQUENCE_NUMBER")
        if after < stream.first(store):
            raise Fault(
                "TrimmedDataAccessException",
                "The operation attempted to read past the oldest stream record in a shard. "
                "Begin with TRIM_HORIZON.",
            )
        return after

    def _records(self, request: Document, region: str) -> Document:  # noqa: ARG002 - the iterator tells the Region
        limit = request.get("Limit") or MOST_RECORDS
        if not 1 <= limit <= MOST_RECORDS:
            raise Fault("ValidationException", f"Limit must be between 1 and {MOST_RECORDS}")
        arn, after = _read(request["ShardIterator"])
        stream = self._find(arn)
        found, after, ended = streamlog.records(stream, stream.store(self._stores), after, limit)
        self._count(stream, len(found))
        return {"Records": found} | ({} if ended else {"NextShardIterator": _token(arn, after)})

    def _count(self, stream: Stream, number: int) -> None:
        series = Series(
            stream.account_id,
            stream.region,
            stream.table,
            "ReturnedRecordsCount",
            operation="GetRecords",
            stream=stream.label,
        )
        self._counters.add(series, float(number))


def _token(arn: str, after: int) -> str:
    content = json.dumps([arn, after, int(time.time())]).encode()
    return f"{arn}|1|{base64.b64encode(content).decode()}"


def _read(token: str) -> tuple[str, int]:
    try:
        arn, after, issued = json.loads(base64.b64decode(token.rpartition("|")[2], validate=True))
        old = time.time() - float(issued) > ITERATOR_SECONDS
    except (ValueError, TypeError, binascii.Error):
        raise Fault(
            "ValidationException", "Invalid ShardIterator. Use one that GetShardIterator gave."
        ) from None
    if old:
        raise Fault("ExpiredIteratorException", "Iterator expired. Get a new one with GetShardIterator.")
    return str(arn), int(after)
