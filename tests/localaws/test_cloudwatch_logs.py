"""PostgreSQL logs in CloudWatch Logs: of the instances that export them, also after a crash."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from localaws.rds.exports import BACKLOG, PORTION, read
from tests.localaws.conftest import LocalAws
from tests.localaws.fix_rds import PublicNetwork, available, connect, eventually

GROUP, STREAM = "/aws/rds/instance/talker/postgresql", "talker.0"


def messages(aws: LocalAws, pattern: str) -> list[str]:
    logs = aws.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    if not groups:
        return []
    found = logs.filter_log_events(logGroupName=GROUP, filterPattern=pattern)["events"]
    return [each["message"] for each in found]


@pytest.mark.engine
def test_what_a_server_logs_is_exported(fast: LocalAws) -> None:
    rds, logs = fast.client("rds"), fast.client("logs")
    network = PublicNetwork(fast, "logs")
    rds.create_db_instance(**network.request("silent"))
    rds.create_db_instance(**network.request("talker", EnableCloudwatchLogsExports=["postgresql"]))
    here = available(rds, "talker")
    with connect(fast, here) as client, pytest.raises(psycopg.errors.UndefinedTable):
        client.execute("SELECT 1\n  FROM nowhere_to_be_found")
    # the second line of the statement belongs to the same event
    (statement,) = eventually(lambda: messages(fast, '"FROM nowhere_to_be_found"'), bool)
    assert "STATEMENT:  SELECT 1" in statement
    assert ":shop@shop:" in statement

    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=7)
    before = messages(fast, "nowhere_to_be_found")
    assert len(before) == 2
    os.kill(fast.status()["pid"], signal.SIGKILL)
    eventually(lambda: fast.status()["running"], lambda running: not running)
    fast.run("start", LOCALAWS_SAMPLE_SECONDS="1")
    eventually(lambda: messages(fast, "nowhere_to_be_found"), lambda found: found == before)
    (group,) = fast.client("logs").describe_log_groups(logGroupNamePrefix="/aws/rds")["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == (GROUP, 7)

    stream = fast.client("logs").get_log_events(logGroupName=GROUP, logStreamName=STREAM)["events"]
    assert all(event["timestamp"] for event in stream)
    modify: dict[str, Any] = {"DisableLogTypes": ["postgresql"]}
    rds.modify_db_instance(DBInstanceIdentifier="talker", CloudwatchLogsExportConfiguration=modify)
    here = available(rds, "talker")
    with connect(fast, here) as client, pytest.raises(psycopg.errors.UndefinedTable):
        client.execute("SELECT 1 FROM nowhere_at_all")
    log = rds.download_db_log_file_portion
    files = rds.describe_db_log_files(DBInstanceIdentifier="talker")["DescribeDBLogFiles"]
    wanted = {"DBInstanceIdentifier": "talker", "LogFileName": files[-1]["LogFileName"], "Marker": "0"}
    eventually(lambda: "nowhere_at_all" in log(**wanted)["LogFileData"], bool)
    assert messages(fast, "nowhere_at_all") == []


def test_a_log_is_read_by_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    first = b"2026-11-22 20:00:00 UTC:[local]:LOG:  one\n\tmore of it\n"
    path.write_bytes(first + b"2026-11-22 20:00:01 UTC:unfin")
    events, place = read(path, 0)
    assert [(event["timestamp"], event["message"][-15:]) for event in events] == [
        (1795377600000, "one\n\tmore of it")
    ]
    assert place == len(first)
    with path.open("ab") as file:
        file.write(b"ished\n")
    (second,), end = read(path, place)
    assert second["message"].endswith("unfinished")
    assert end == path.stat().st_size


def test_what_is_far_behind_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log"
    line = b"2026-11-22 20:00:00 UTC:LOG:  " + b"x" * 969 + b"\n"
    path.write_bytes(line * (BACKLOG // 1000 + 10))
    events, place = read(path, 0)
    assert place == path.stat().st_size
    assert len(events) <= PORTION // 1000 + 1
