"""The DynamoDB notebook, executed both ways: the source earns all, twice; the release nothing, and why."""

from pathlib import Path

import nbformat
import pytest

from . import fix_notebooks as fix

SOURCE = fix.WEEK6 / "04-dynamodb.ipynb"
POINTS = {"capacity": 5, "lab-6.4": 6, "key-design": 10, "ttl": 3}
MISSING = {
    "capacity": "no answer yet: put a number under 'history'",
    "lab-6.4": "there is no table 'shop-carts'",
    "key-design": "there is no table 'black-friday'",
    "ttl": "there is no table 'black-friday'",
}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fix.released(SOURCE, tmp_path_factory.mktemp("course"))


@pytest.mark.slow
def test_the_source_earns_everything_on_an_empty_account_and_again_on_what_it_left(workplace: Path) -> None:
    for _ in range(2):
        fix.earns_everything(fix.execute(SOURCE, workplace), POINTS)


@pytest.mark.slow
def test_the_release_runs_through_and_every_graded_cell_earns_nothing_for_the_right_reason(
    released: Path, workplace: Path
) -> None:
    document = fix.execute(released, workplace, allow_errors=True)
    fix.earns_nothing(document, POINTS, MISSING)
    # what fails is the learner's to write, or needs it and says so; nothing fails for another reason
    assert set(fix.failed(document).values()) <= {"NotImplementedError", "NotYet"}


def test_the_release_holds_no_solution(released: Path) -> None:
    document = nbformat.read(released, as_version=4)
    fix.holds_no_solution(document)
    files = [cell.source for cell in document.cells if "%%writefile" in cell.source]
    assert len(files) == 2
    assert not any("ConditionExpression" in file or "IndexName" in file for file in files)


def test_cells_are_small_and_points_add_up() -> None:
    fix.is_as_agreed(SOURCE, POINTS)
