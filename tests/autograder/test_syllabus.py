"""The map of the syllabus: complete, fresh, and honest about what nobody teaches."""

import json
from pathlib import Path
from typing import Any

import pytest

from autograder.syllabus import PAGE, sections, write_map

ROOT = Path(__file__).parents[2]


def notebook(folder: Path, *tags: str) -> None:
    def cell(kind: str, source: str, tagged: list[str]) -> dict[str, Any]:
        return {"cell_type": kind, "source": source, "metadata": {"tags": tagged}}

    folder.mkdir(parents=True)
    cells = [cell("markdown", "## Where it is", []), cell("code", "1", list(tags))]
    (folder / "01-x.ipynb").write_text(json.dumps({"cells": cells}))


def test_every_line_of_the_syllabus_has_a_cell(capsys: pytest.CaptureFixture[str]) -> None:
    assert write_map(ROOT, check=True) == 0, capsys.readouterr().out


def test_the_map_names_notebook_and_heading(tmp_path: Path) -> None:
    notebook(
        tmp_path / "source" / "week6", *(f"syllabus:{id}" for each in sections() for id, _ in each.lines)
    )
    assert write_map(tmp_path) == 0
    page = (tmp_path / PAGE).read_text()
    assert "| Storage classes | [01-x](../notebooks/week6/01-x.ipynb): Where it is |" in page


def test_what_nobody_teaches_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notebook(tmp_path / "source" / "week6", "syllabus:relational", "syllabus:not-a-line")
    assert write_map(tmp_path) == 1
    said = capsys.readouterr().out
    assert "no cell teaches rds-storage: Storage classes" in said
    assert "no line of the syllabus is called not-a-line" in said
    assert "relational:" not in said
    assert "perf-index" not in said, "week 7 has no folder yet"
    assert write_map(tmp_path, check=True) == 1
    assert "stale" not in capsys.readouterr().out
    (tmp_path / PAGE).write_text("old")
    write_map(tmp_path, check=True)
    assert "stale" in capsys.readouterr().out
