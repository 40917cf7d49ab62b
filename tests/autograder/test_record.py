"""The record: private, append-only, and the first verdict of a run counts."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograder.outcome import Finding, Verdict
from autograder.record import Entry, Record


def entry(run: str, outcome: str, earned: float) -> Entry:
    return Entry(run, "week6", "02-rds", "ada", Verdict(outcome, "T", (Finding("f", 4, earned, "m" * 5000),)))


def test_the_first_verdict_of_a_run_counts(tmp_path: Path) -> None:
    record = Record(tmp_path / "kept/record.jsonl")
    assert record.verdicts("1") == {}
    for run, earned in (("1", 3), ("1", 4), ("2", 1)):
        record.append(entry(run, "lab-6.1", earned))
    assert record.verdicts("1")["lab-6-1"].earned == 3
    assert record.verdicts("2")["lab-6-1"].earned == 1


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    record = Record(tmp_path / "kept/record.jsonl")
    record.append(entry("1", "a", 1))
    assert stat.S_IMODE(record.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.path.parent.stat().st_mode) == 0o700


def test_lines_stay_whole_with_many_writers(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.jsonl")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: record.append(entry("1", f"o-{n}", n)), range(40)))
    assert len(record.verdicts("1")) == 40


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "record.jsonl").symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic links"):
        Record(tmp_path / "record.jsonl").append(entry("1", "a", 1))
    assert not elsewhere.exists()
