"""The RDS notebook, executed both ways: the source earns everything, twice; the release nothing, and why."""

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from autograder.release import release

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "source" / "week6" / "02-rds.ipynb"
POINTS = {"lab-6.1": 10, "lab-6.2": 8, "rds-parameters": 4, "lab-6.3": 8}
OUTCOMES = {outcome.replace(".", "-"): outcome for outcome in POINTS}
MISSING = "there is no DB instance 'shop'"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to run in, and an embedded AWS of its own that is stopped and emptied afterwards."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "LAB_", "LOCALAWS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LOCALAWS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder = tmp_path / "week6"
    folder.mkdir()
    yield folder
    for verb in ("stop", "reset"):
        subprocess.run([sys.executable, "-m", "localaws", verb], check=False, capture_output=True)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    course = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", course)
    (course / "source" / "week6").mkdir(parents=True)
    shutil.copy(SOURCE, course / "source" / "week6")
    assert release(course) == 0
    return course / "notebooks" / "week6" / SOURCE.name


def execute(notebook: Path, folder: Path, *, allow_errors: bool = False) -> NotebookNode:
    document = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        document, timeout=120, allow_errors=allow_errors, resources={"metadata": {"path": str(folder)}}
    )
    return client.execute()


def graded(document: NotebookNode) -> dict[str, NotebookNode]:
    cells = [cell for cell in document.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    # nbgrader's ids have no dots
    return {OUTCOMES[cell.metadata.nbgrader.grade_id]: cell for cell in cells}


def shown(cell: NotebookNode) -> str:
    """The text of a cell's outputs, errors included."""
    parts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    errors = [f"{output.ename}: {output.evalue}" for output in cell.outputs if output.output_type == "error"]
    return "\n".join([*parts, *errors])


def failed(document: NotebookNode) -> dict[str, str]:
    return {
        cell.id: output.ename
        for cell in document.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    }


@pytest.mark.slow
@pytest.mark.engine
def test_the_source_earns_everything_on_an_empty_account_and_again_on_what_it_left(workplace: Path) -> None:
    for _ in range(2):
        cells = graded(execute(SOURCE, workplace))
        assert cells.keys() == POINTS.keys()
        for outcome, points in POINTS.items():
            assert f"{outcome}: visible checks passed, {points} of {points} points." in shown(cells[outcome])


@pytest.mark.slow
@pytest.mark.engine
def test_the_release_runs_through_and_every_graded_cell_earns_nothing_for_the_right_reason(
    released: Path, workplace: Path
) -> None:
    document = execute(released, workplace, allow_errors=True)
    for outcome, cell in graded(document).items():
        said = shown(cell)
        assert MISSING in said
        assert f"NotYet: {outcome}: 0 of {POINTS[outcome]} points" in said
    # what fails is the learner's to write, or needs it and says so; nothing fails for another reason
    assert set(failed(document).values()) <= {
        "NotImplementedError",
        "NotYet",
        "NameError",
        "DBInstanceNotFoundFault",
    }


def test_the_release_holds_no_solution(released: Path) -> None:
    document = nbformat.read(released, as_version=4)
    assert not any("SOLUTION" in cell.source for cell in document.cells)
    assert not any("discussion" in cell.metadata.get("tags", []) for cell in document.cells)
    assert "verify-full" not in next(cell.source for cell in document.cells if "%%writefile" in cell.source)


def test_cells_are_small_and_points_add_up() -> None:
    document = nbformat.read(SOURCE, as_version=4)
    code = [cell.source.splitlines() for cell in document.cells if cell.cell_type == "code"]
    assert statistics.median(map(len, code)) <= 5
    assert {name: cell.metadata.nbgrader.points for name, cell in graded(document).items()} == POINTS
