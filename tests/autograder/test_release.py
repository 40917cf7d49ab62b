"""The release: made by nbgrader, the same bytes each time, and stale ones are found."""

import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.cli import main

ROOT = Path(__file__).parents[2]


def release(root: Path, *options: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["release", "--root", str(root), *options])
    return int(ended.value.code or 0)


def test_a_second_release_changes_nothing(
    course: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    shutil.copytree(course.root / "source", tmp_path / "source")
    (tmp_path / "source/toys/data.csv").write_text("a,b\n")
    (tmp_path / "source/toys/shop_app.py").write_text("solution = 42\n")
    assert release(tmp_path, "--check") == 1
    assert "stale: notebooks/toys/toy.ipynb" in capsys.readouterr().out
    assert release(tmp_path) == 0
    made = tmp_path / "notebooks/toys/toy.ipynb"
    first = made.read_bytes()
    before = made.stat().st_mtime_ns
    capsys.readouterr()
    assert release(tmp_path) == 0
    assert release(tmp_path, "--check") == 0
    assert capsys.readouterr().out == ""
    assert (made.read_bytes(), made.stat().st_mtime_ns) == (first, before)
    assert sorted(path.name for path in made.parent.iterdir()) == ["data.csv", "toy.ipynb"]
    sources = [cell.source for cell in nbformat.read(made, as_version=4).cells]
    assert "Why 42?" not in sources
    assert "# YOUR CODE HERE\nraise NotImplementedError()" in sources
    assert first == (course.root / "notebooks/toys/toy.ipynb").read_bytes()


def test_what_is_no_longer_in_the_source_goes(
    course: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    shutil.copytree(course.root / "source", tmp_path / "source")
    old = tmp_path / "notebooks/toys/old.ipynb"
    own = tmp_path / "notebooks/toys/shop_app.py"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    own.write_text("mine = 1\n")
    assert release(tmp_path) == 0
    assert "removed: notebooks/toys/old.ipynb" in capsys.readouterr().out
    assert not old.exists()
    assert own.read_text() == "mine = 1\n"


def test_outside_a_course(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release(tmp_path) == 2
    assert "has no nbgrader_config.py: run this in the course's folder" in capsys.readouterr().err
