"""Sessions as the database server's own log tells them (RDS's log prefix `%t:%r:%u@%d:[%p]:`)."""

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# Continuation lines of a message begin with a tab, and PostgreSQL's own lines here have the host `[local]`,
# so that nothing that SQL can write to the log looks like this line.
SESSION = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC:(?P<host>[0-9a-fA-F.:]+)\(\d+\)"
    r":(?P<user>[\w.-]+)@(?P<database>[\w.-]+):\[(?P<pid>\d+)\]:LOG:  connection authorized:"
    r" user=(?P=user) database=(?P=database)"
    r"(?: application_name=\S*)?(?P<tls> SSL enabled \(protocol=[\w.]+, cipher=[\w-]+, bits=\d+.*\))?"
)


@dataclass(frozen=True)
class Session:
    """A session that the server authorized."""

    time: datetime.datetime
    host: str
    user: str
    database: str
    pid: int
    tls: bool


def parse(lines: Iterable[str]) -> Iterator[Session]:
    """The sessions that the log's lines tell of."""
    for line in lines:
        match = SESSION.fullmatch(line.rstrip("\r"))
        if match:
            time = datetime.datetime.strptime(match["time"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=datetime.UTC)
            yield Session(
                time, match["host"], match["user"], match["database"], int(match["pid"]), bool(match["tls"])
            )


def sessions_since(rds: Any, identifier: str, start: datetime.datetime) -> list[Session]:
    """The sessions authorized at `start` or later (the log counts in whole seconds)."""
    files = rds.describe_db_log_files(
        DBInstanceIdentifier=identifier, FileLastWritten=int((start.timestamp() - 2) * 1000)
    )["DescribeDBLogFiles"]
    names = sorted(file["LogFileName"] for file in files if "postgresql" in file["LogFileName"])
    since = start.replace(microsecond=0)
    return [
        session for name in names for session in parse(_lines(rds, identifier, name)) if session.time >= since
    ]


def _lines(rds: Any, identifier: str, name: str) -> Iterator[str]:
    marker, pending, text = "0", True, ""
    while pending:
        portion = rds.download_db_log_file_portion(
            DBInstanceIdentifier=identifier, LogFileName=name, Marker=marker
        )
        text += portion.get("LogFileData") or ""
        marker, pending = portion.get("Marker", ""), bool(portion.get("AdditionalDataPending"))
    yield from text.split("\n")
