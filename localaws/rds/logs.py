"""Log files of a DB instance: the server's own files, listed and read a portion at a time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from moto.rds.exceptions import RDSClientError

from localaws.rds import faults
from localaws.rds.flavours import flavour
from localaws.rds.host import HOST

PORTION = 1024 * 1024
"""The most bytes that one answer holds (DownloadDBLogFilePortion)."""
MOST_LINES = 9999
_NAME = re.compile(r"\w+/([\w.-]+)\Z")


def files(instance: Any, request: dict[str, Any]) -> list[dict[str, Any]]:
    """The log files, oldest first, as DescribeDBLogFiles answers them; times in milliseconds."""
    contains = request.get("filename_contains") or ""
    since, least = request.get("file_last_written") or 0, request.get("file_size") or 0
    found = []
    ways = flavour(instance.engine)
    for path in sorted(_folder(instance).glob(ways.logs)):
        name = ways.shown(path.name)
        state = path.stat()
        written = int(state.st_mtime * 1000)
        if contains in name and written >= since and state.st_size >= least:
            found.append({"LogFileName": name, "LastWritten": written, "Size": state.st_size})
    return found


def portion(instance: Any, request: dict[str, Any]) -> dict[str, Any]:
    """A portion of one file: from the marker on, or its last lines when only a number of lines is given.

    `Marker` is a byte position; `0` is the beginning.
    """
    path = _file(instance, request.get("log_file_name"))
    lines, marker = request.get("number_of_lines"), request.get("marker")
    if lines is not None and not 1 <= lines <= MOST_LINES:
        raise faults.invalid(f"Invalid number of lines: {lines}. It must be between 1 and {MOST_LINES}.")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = _start(marker, size, from_end=lines is not None)
        file.seek(start)
        data = file.read(PORTION)
    if marker is None and lines is not None:
        kept = b"".join(data.splitlines(keepends=True)[-lines:])
        return _answer(kept, size, pending=False)
    data = _whole_lines(data, lines or MOST_LINES, more=start + len(data) < size)
    end = start + len(data)
    return _answer(data, end, pending=end < size)


def _answer(data: bytes, end: int, *, pending: bool) -> dict[str, Any]:
    text = data.decode("utf-8", "replace")
    clean = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
    return {"LogFileData": clean, "Marker": str(end), "AdditionalDataPending": pending}


def _start(marker: str | None, size: int, *, from_end: bool) -> int:
    if marker is None:
        return max(0, size - PORTION) if from_end else 0
    position = marker.rpartition(":")[2]
    if not position.isdigit():
        raise faults.invalid(f"Invalid marker: {marker}. Use the Marker of an earlier answer, or 0.")
    return min(int(position), size)


def _whole_lines(data: bytes, most: int, *, more: bool) -> bytes:
    lines = data.splitlines(keepends=True)
    if more and len(lines) > 1 and len(lines) <= most:
        lines.pop()
    return b"".join(lines[:most])


def _folder(instance: Any) -> Path:
    home = f"{flavour(instance.engine).home}-{instance.dbi_resource_id}"
    return (HOST.folder(home) or Path("/nonexistent")) / "log"


def _file(instance: Any, name: str | None) -> Path:
    match = _NAME.match(name or "")
    path = _folder(instance) / match[1] if match else None
    if path is None or not path.is_file() or name != flavour(instance.engine).shown(path.name):
        raise RDSClientError("DBLogFileNotFoundFault", f"DBLog File: {name}, is not found on the DB instance")
    return path
