"""Task settings: AWS's defaults, what a request changes, and what must not be.

AWS: "Specifying task settings for AWS Database Migration Service tasks".
"""

from __future__ import annotations

import copy
import json
from typing import Any

from localaws.dms import faults

MODES = ("DO_NOTHING", "DROP_AND_CREATE", "TRUNCATE_BEFORE_LOAD")
COMPONENTS = (
    "TRANSFORMATION", "SOURCE_UNLOAD", "IO", "TARGET_LOAD", "PERFORMANCE", "SOURCE_CAPTURE", "SORTER",
    "REST_SERVER", "VALIDATOR_EXT", "TARGET_APPLY", "TASK_MANAGER", "TABLES_MANAGER", "METADATA_MANAGER",
    "FILE_FACTORY", "COMMON", "ADDONS", "DATA_STRUCTURE", "COMMUNICATION", "FILE_TRANSFER",
)  # fmt: skip

DEFAULTS: dict[str, Any] = {
    "TargetMetadata": {
        "TargetSchema": "",
        "SupportLobs": True,
        "FullLobMode": False,
        "LobChunkSize": 0,
        "LimitedSizeLobMode": True,
        "LobMaxSize": 32,
        "InlineLobMaxSize": 0,
        "LoadMaxFileSize": 0,
        "ParallelLoadThreads": 0,
        "ParallelLoadBufferSize": 0,
        "BatchApplyEnabled": False,
        "TaskRecoveryTableEnabled": False,
        "ParallelLoadQueuesPerThread": 0,
        "ParallelApplyThreads": 0,
        "ParallelApplyBufferSize": 0,
        "ParallelApplyQueuesPerThread": 0,
    },
    "FullLoadSettings": {
        "TargetTablePrepMode": "DROP_AND_CREATE",
        "CreatePkAfterFullLoad": False,
        "StopTaskCachedChangesApplied": False,
        "StopTaskCachedChangesNotApplied": False,
        "MaxFullLoadSubTasks": 8,
        "TransactionConsistencyTimeout": 600,
        "CommitRate": 10000,
    },
    "Logging": {
        "EnableLogging": False,
        "EnableLogContext": False,
        "LogComponents": [{"Id": name, "Severity": "LOGGER_SEVERITY_DEFAULT"} for name in COMPONENTS],
        "CloudWatchLogGroup": None,
        "CloudWatchLogStream": None,
    },
    "ControlTablesSettings": {
        "ControlSchema": "",
        "HistoryTimeslotInMinutes": 5,
        "HistoryTableEnabled": False,
        "SuspendedTablesTableEnabled": False,
        "StatusTableEnabled": False,
        "FullLoadExceptionTableEnabled": False,
    },
    "StreamBufferSettings": {
        "StreamBufferCount": 3,
        "StreamBufferSizeInMB": 8,
        "CtrlStreamBufferSizeInMB": 5,
    },
    "ChangeProcessingDdlHandlingPolicy": {
        "HandleSourceTableDropped": True,
        "HandleSourceTableTruncated": True,
        "HandleSourceTableAltered": True,
    },
    "ErrorBehavior": {
        "DataErrorPolicy": "LOG_ERROR",
        "DataTruncationErrorPolicy": "LOG_ERROR",
        "DataErrorEscalationPolicy": "SUSPEND_TABLE",
        "DataErrorEscalationCount": 0,
        "TableErrorPolicy": "SUSPEND_TABLE",
        "TableErrorEscalationPolicy": "STOP_TASK",
        "TableErrorEscalationCount": 0,
        "RecoverableErrorCount": -1,
        "RecoverableErrorInterval": 5,
        "RecoverableErrorThrottling": True,
        "RecoverableErrorThrottlingMax": 1800,
        "RecoverableErrorStopRetryAfterThrottlingMax": True,
        "ApplyErrorDeletePolicy": "IGNORE_RECORD",
        "ApplyErrorInsertPolicy": "LOG_ERROR",
        "ApplyErrorUpdatePolicy": "LOG_ERROR",
        "ApplyErrorEscalationPolicy": "LOG_ERROR",
        "ApplyErrorEscalationCount": 0,
        "ApplyErrorFailOnTruncationDdl": False,
        "FullLoadIgnoreConflicts": True,
        "FailOnTransactionConsistencyBreached": False,
        "FailOnNoTablesCaptured": True,
    },
    "ChangeProcessingTuning": {
        "BatchApplyPreserveTransaction": True,
        "BatchApplyTimeoutMin": 1,
        "BatchApplyTimeoutMax": 30,
        "BatchApplyMemoryLimit": 500,
        "BatchSplitSize": 0,
        "MinTransactionSize": 1000,
        "CommitTimeout": 1,
        "MemoryLimitTotal": 1024,
        "MemoryKeepTime": 60,
        "StatementCacheSize": 50,
    },
    "ValidationSettings": {
        "EnableValidation": False,
        "ValidationMode": "ROW_LEVEL",
        "ThreadCount": 5,
        "FailureMaxCount": 10000,
        "TableFailureMaxCount": 1000,
        "HandleCollationDiff": False,
        "ValidationOnly": False,
        "RecordFailureDelayLimitInMinutes": 0,
        "SkipLobColumns": False,
        "ValidationPartialLobSize": 0,
        "ValidationQueryCdcDelaySeconds": 0,
        "PartitionSize": 10000,
        "MaxKeyColumnSize": 8096,
    },
    "PostProcessingRules": None,
    "CharacterSetSettings": None,
    "LoopbackPreventionSettings": None,
    "BeforeImageSettings": None,
    "FailTaskWhenCleanTaskResourceFailed": False,
    "TTSettings": None,
}


def merged(text: str | None, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the whole settings of a task: those before (else the defaults), changed by a request's JSON."""
    found = copy.deepcopy(before or DEFAULTS)
    if not text:
        return found
    try:
        asked = json.loads(text)
    except ValueError:
        raise faults.invalid("Task Settings document error: Invalid json.") from None
    if not isinstance(asked, dict):
        raise faults.invalid("Task Settings document error: it must be a JSON object.")
    for group, values in asked.items():
        _merge(found, group, values)
    _check(found)
    return found


def _merge(found: dict[str, Any], group: str, values: Any) -> None:
    if group == "FullLobMode" or (group not in DEFAULTS and group != "ResyncSettings"):
        raise faults.invalid(f"Invalid task settings JSON: unknown section {group}.")
    if not isinstance(values, dict) or not isinstance(DEFAULTS.get(group), dict):
        found[group] = values
        return
    unknown = values.keys() - DEFAULTS[group].keys() - {"ThrottleSettings"}
    if group == "Logging" and "LogConfiguration" in unknown:
        unknown -= {"LogConfiguration"}
    if unknown:
        raise faults.invalid(f"Invalid task settings JSON: {group} has no setting {sorted(unknown)[0]}.")
    found[group] = {**found[group], **values}


def _check(found: dict[str, Any]) -> None:
    load = found["FullLoadSettings"]
    if load["TargetTablePrepMode"] not in MODES:
        raise faults.invalid(f"TargetTablePrepMode must be one of {', '.join(MODES)}.")
    subtasks = load["MaxFullLoadSubTasks"]
    if not isinstance(subtasks, int) or not 1 <= subtasks <= 49:
        raise faults.invalid("MaxFullLoadSubTasks must be between 1 and 49.")
    if load["StopTaskCachedChangesApplied"] and load["StopTaskCachedChangesNotApplied"]:
        raise faults.combination(
            "StopTaskCachedChangesApplied and StopTaskCachedChangesNotApplied cannot both be true."
        )
    logging = found["Logging"]
    if logging["EnableLogging"] is not True and logging["EnableLogging"] is not False:
        raise faults.invalid("EnableLogging must be true or false.")
