"""Replication tasks: what a request may say, and how a task is shown.

AWS: "CreateReplicationTask", "StartReplicationTask", "ReplicationTaskStats".
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from localaws.dms import faults
from localaws.dms.host import HOST
from localaws.dms.mappings import MappingError, Mappings
from localaws.dms.models import Task
from localaws.dms.pgoutput import lsn_number
from localaws.dms.progress import (
    BEFORE,
    CANCELLED,
    COMPLETED,
    FAILED,
    LOADING,
    RELOADING,
    Facts,
    TableProgress,
)
from localaws.dms.stream import position_text

MIGRATIONS = ("full-load", "cdc", "full-load-and-cdc")
STARTS = ("start-replication", "resume-processing", "reload-target")
_STOP = re.compile(r"(server|commit)_time:\s*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)")
_LSN = re.compile(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}")


def check_mappings(text: str | None) -> str:
    """Return table mappings that can be used."""
    try:
        Mappings.parse(text or "")
    except MappingError as error:
        raise faults.invalid(str(error)) from None
    return str(text)


def check_migration(text: str | None) -> str:
    """Return a migration type."""
    if text not in MIGRATIONS:
        raise faults.invalid(f"Invalid MigrationType. Use one of {', '.join(MIGRATIONS)}.")
    return str(text)


def cdc_of(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the request's words about where the changes begin and end."""
    found = {key: asked[key] for key in ("CdcStartPosition", "CdcStopPosition") if asked.get(key)}
    if asked.get("CdcStartTime"):
        found["CdcStartTime"] = _epoch(asked["CdcStartTime"])
    if "CdcStartTime" in found and "CdcStartPosition" in found:
        raise faults.combination("CdcStartTime and CdcStartPosition cannot both be specified.")
    start_position(found)
    stop_times(found)
    return found


def start_position(cdc: dict[str, Any]) -> int:
    """The WAL position at which the changes begin; 0 when none is said."""
    text = str(cdc.get("CdcStartPosition") or "")
    if not text:
        return 0
    match = _LSN.search(text)
    if match is None:
        raise faults.invalid(
            f"Invalid CdcStartPosition {text!r}. For PostgreSQL it is a log sequence number such as "
            "0/1A2B3C4D, or the RecoveryCheckpoint of a task."
        )
    return lsn_number(match.group())


def stop_times(cdc: dict[str, Any]) -> tuple[float, float]:
    """Epoch seconds of a commit and of the clock at which the task ends; 0 when it does not."""
    text = str(cdc.get("CdcStopPosition") or "")
    if not text:
        return 0.0, 0.0
    match = _STOP.fullmatch(text.strip())
    if match is None:
        raise faults.invalid(
            f"Invalid CdcStopPosition {text!r}. Write server_time:2026-02-09T12:12:12 or "
            "commit_time:2026-02-09T12:12:12 (UTC)."
        )
    moment = datetime.fromisoformat(match.group(2)).replace(tzinfo=UTC).timestamp()
    return (0.0, moment) if match.group(1) == "server" else (moment, 0.0)


def _epoch(value: Any) -> float:
    if isinstance(value, int | float):
        return float(value)
    moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def describe(task: Task, *, settings: bool = True) -> dict[str, Any]:
    """Return the ReplicationTask of an answer."""
    facts = HOST.facts(task.uid)
    shown = {
        "ReplicationTaskIdentifier": task.identifier,
        "ReplicationTaskArn": task.arn,
        "SourceEndpointArn": task.source,
        "TargetEndpointArn": task.target,
        "ReplicationInstanceArn": task.instance,
        "MigrationType": task.migration,
        "TableMappings": task.mappings,
        "Status": task.status,
        "LastFailureMessage": task.failure or None,
        "StopReason": task.reason or None,
        "ReplicationTaskCreationDate": task.created,
        "ReplicationTaskStartDate": task.started,
        "CdcStartPosition": task.cdc.get("CdcStartPosition"),
        "CdcStopPosition": task.cdc.get("CdcStopPosition"),
        "RecoveryCheckpoint": position_text(facts.position) if _current(task, facts) else None,
        "TaskData": task.task_data,
    }
    if settings:
        shown["ReplicationTaskSettings"] = json.dumps(task.settings)
    if _current(task, facts):
        shown["ReplicationTaskStats"] = stats(facts)
    return {key: value for key, value in shown.items() if value is not None}


def _current(task: Task, facts: Facts) -> bool:
    return facts.run == task.run and task.run > 0


def stats(facts: Facts) -> dict[str, Any]:
    """Return the ReplicationTaskStats."""
    states = [line.state for line in facts.tables.values()]
    loaded = states.count(COMPLETED)
    end = facts.stopped or datetime.now(UTC).timestamp()
    shown = {
        "FullLoadProgressPercent": _percent(facts),
        "ElapsedTimeMillis": int((end - facts.started) * 1000) if facts.started else 0,
        "TablesLoaded": loaded,
        "TablesLoading": states.count(LOADING) + states.count(RELOADING),
        "TablesQueued": states.count(BEFORE),
        "TablesErrored": states.count(FAILED) + states.count(CANCELLED),
        "FreshStartDate": facts.fresh,
        "StartDate": facts.started,
        "StopDate": facts.stopped,
        "FullLoadStartDate": facts.load_started,
        "FullLoadFinishDate": facts.load_ended,
    }
    return {key: _moment(key, value) for key, value in shown.items() if value is not None}


def _percent(facts: Facts) -> int:
    done = [line for line in facts.tables.values() if line.state in (COMPLETED, FAILED)]
    return 100 * len(done) // len(facts.tables) if facts.tables else 0


def _moment(key: str, value: Any) -> Any:
    return datetime.fromtimestamp(value, UTC) if key.endswith("Date") else value


def table_statistics(line: TableProgress) -> dict[str, Any]:
    """Return the TableStatistics of one table."""
    shown: dict[str, Any] = {
        "SchemaName": line.schema,
        "TableName": line.name,
        "Inserts": line.inserts,
        "Updates": line.updates,
        "Deletes": line.deletes,
        "Ddls": line.ddls,
        "AppliedInserts": line.applied_inserts,
        "AppliedUpdates": line.applied_updates,
        "AppliedDeletes": line.applied_deletes,
        "AppliedDdls": line.applied_ddls,
        "FullLoadRows": line.rows,
        "FullLoadCondtnlChkFailedRows": 0,
        "FullLoadErrorRows": line.error_rows,
        "FullLoadReloaded": line.reloaded,
        "TableState": line.state,
        "ValidationPendingRecords": line.pending,
        "ValidationFailedRecords": line.mismatched,
        "ValidationSuspendedRecords": line.suspended,
        "ValidationState": line.validation,
        "ValidationStateDetails": line.details or None,
        "FullLoadStartTime": line.started,
        "FullLoadEndTime": line.ended,
        "LastUpdateTime": line.updated or None,
    }
    times = ("FullLoadStartTime", "FullLoadEndTime", "LastUpdateTime")
    return {
        key: datetime.fromtimestamp(value, UTC) if key in times else value
        for key, value in shown.items()
        if value is not None
    }
