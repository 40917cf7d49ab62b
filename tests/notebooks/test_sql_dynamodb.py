"""The notebook of SQL and DynamoDB, executed both ways: the source earns all, twice; the release nothing."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from . import fix_notebooks as fix

SOURCE = fix.WEEK6 / "05-sql-vs-dynamodb.ipynb"
POINTS = {"lab-6.5": 8}
MISSING = {"lab-6.5": "name two different questions in STAY first"}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fix.released(SOURCE, tmp_path_factory.mktemp("course"))


def cell(document: NotebookNode, name: str) -> str:
    return fix.shown(next(each for each in document.cells if each.id == name))


@pytest.mark.slow
def test_the_source_earns_everything_on_an_empty_account_and_again_on_what_it_left(workplace: Path) -> None:
    for _ in range(2):
        document = fix.execute(SOURCE, workplace)
        fix.earns_everything(document, POINTS)
        # what the text says of the bet
        assert "False" not in cell(document, "equal")
        assert "flat in DynamoDB, of eight: 4" in cell(document, "reveal-flat")
        assert "flat in PostgreSQL, of eight: 4" in cell(document, "reveal-flat")
        assert "revenue missing in the naive Scan: 0 " not in cell(document, "reveal-missing")
    assert "notebook 01 has not been run here yet" in cell(document, "own-shown")


@pytest.mark.slow
def test_the_release_runs_through_and_the_graded_cell_earns_nothing_for_the_right_reason(
    released: Path, workplace: Path
) -> None:
    # measurements of other notebooks of the week, with and without a guess
    kept = {
        "one badge, RDS: join": {"guess": None, "measured": 1.5, "unit": "ms"},
        "a million badges, RDS: join": {"guess": None, "measured": 0.5, "unit": "$"},
        "slowest : quickest": {"guess": 10, "measured": 900.0, "unit": "times"},
    }
    (workplace / "measurements.json").write_text(json.dumps(kept))
    document = fix.execute(released, workplace, allow_errors=True)
    fix.earns_nothing(document, POINTS, MISSING)
    assert set(fix.failed(document).values()) <= {"NotImplementedError", "NotYet"}
    assert "slowest : quickest" in cell(document, "own-shown")
    assert "RDS: join" in cell(document, "own-stores")


def test_the_release_holds_no_solution(released: Path) -> None:
    document = nbformat.read(released, as_version=4)
    fix.holds_no_solution(document)
    (file,) = (each.source for each in document.cells if "%%writefile" in each.source)
    assert "def put(" in file
    assert "query(" not in file
    assert not any(
        'STAY = ["' in each.source.replace("…", "") for each in document.cells if "keepers" in each.source
    )


def test_cells_are_small_and_points_add_up() -> None:
    fix.is_as_agreed(SOURCE, POINTS)
