"""Choosing a database, executed both ways: the source earns all, twice; the release nothing, and why."""

import re
from pathlib import Path

import nbformat
import pytest

from autograder import choices

from . import fix_notebooks as fix

SOURCE = fix.WEEK6 / "01-choosing-a-database.ipynb"
POINTS = {"choices": 16, "breaks": 4}
MISSING = {
    "choices": "'gift cards: service' is not answered: choose one of Athena, Aurora,",
    "breaks": "'one table' is not answered: choose one of ",
}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fix.released(SOURCE, tmp_path_factory.mktemp("course"))


@pytest.mark.slow
@pytest.mark.engine
def test_the_source_earns_everything_on_an_empty_account_and_again_on_what_it_left(workplace: Path) -> None:
    for _ in range(2):
        document = fix.execute(SOURCE, workplace)
        fix.earns_everything(document, POINTS)
        said = {cell.id: fix.shown(cell) for cell in document.cells if cell.cell_type == "code"}
        assert "of four, still the old answer: 3." in said["order"]
        assert said["march-scan"].splitlines()[-1].startswith("(True, ")
        assert said["march-files"].startswith("(True, ")
        assert said["redshift-answer"] == "True"
        assert "keys after the reboot: 0." in said["reboot"]


@pytest.mark.slow
@pytest.mark.engine
def test_the_release_runs_through_and_every_graded_cell_earns_nothing_for_the_right_reason(
    released: Path, workplace: Path
) -> None:
    document = fix.execute(released, workplace, allow_errors=True)
    fix.earns_nothing(document, POINTS, MISSING)
    # everything else of the tour is written out
    assert fix.failed(document) == {
        "choices-solution": "NotImplementedError",
        "choices": "NotYet",
        "breaks-solution": "NotImplementedError",
        "breaks": "NotYet",
    }


def test_the_release_holds_no_solution(released: Path) -> None:
    document = nbformat.read(released, as_version=4)
    fix.holds_no_solution(document)
    code = "\n".join(cell.source for cell in document.cells if cell.cell_type == "code")
    assert not any(key.answer in code for key in choices.keys("breaks").values())


def test_cells_are_small_and_points_add_up() -> None:
    fix.is_as_agreed(SOURCE, POINTS)


def test_what_the_notebook_offers_is_what_the_keys_offer() -> None:
    text = {cell.id: cell.source for cell in nbformat.read(SOURCE, as_version=4).cells}
    rows = [line.split("|")[1:-1] for line in (text["workloads"] + "\n" + text["workloads-2"]).splitlines()]
    facts = {row[0].strip(): set(re.findall(r"\*\*([^*]+)\*\*", row[-1].lower())) for row in rows}
    keys = choices.keys("choices")
    for question, key in keys.items():
        workload, part = question.split(": ")
        if part == "fact":
            assert facts[workload] == {each.lower() for each in key.offered}
    rows = [line.split("|")[1:-1] for line in text["ex-breaks"].splitlines()]
    offered = {row[0].strip(): set(re.findall(r"\*([^*]+)\*", row[-1])) for row in rows if row}
    for question, key in choices.keys("breaks").items():
        assert offered[question] == set(key.offered)
