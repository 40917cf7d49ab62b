"""The examiner's record: verdicts as JSON lines in a file that only the grader can read."""

import fcntl
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from autograder.outcome import Verdict, canonical

FILE_MODE = 0o600
FOLDER_MODE = 0o700


@dataclass(frozen=True)
class Entry:
    """A verdict and whose it is: one `run` is one execution of one notebook."""

    run: str
    assignment: str
    notebook: str
    student: str
    verdict: Verdict


class Record:
    """Appends and reads verdicts at `path`; nothing in it is ever changed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entry: Entry) -> None:
        """Add one line, whole even when several graders write at once."""
        self.path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        line = json.dumps(
            {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "run": entry.run,
                "assignment": entry.assignment,
                "notebook": entry.notebook,
                "student": entry.student,
                "verdict": entry.verdict.document(),
            }
        )
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
        with os.fdopen(descriptor, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line.encode() + b"\n")

    def verdicts(self, run: str) -> dict[str, Verdict]:
        """The verdicts of one run by grade id; the first of each counts."""
        found: dict[str, Verdict] = {}
        if not self.path.exists():
            return found
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                document = json.loads(line)
                if document["run"] == run:
                    verdict = Verdict.parse(document["verdict"])
                    found.setdefault(canonical(verdict.outcome), verdict)
        return found
