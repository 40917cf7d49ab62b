"""Notebooks, executed and looked at: releases, graded cells, what they show and what fails in them."""

import shutil
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from autograder.outcome import canonical
from autograder.release import release

ROOT = Path(__file__).resolve().parents[2]
WEEK6 = ROOT / "source" / "week6"
Points = Mapping[str, float]


def released(source: Path, course: Path) -> Path:
    """The learners' notebook made from one of source/, in a course that has no other."""
    shutil.copy(ROOT / "nbgrader_config.py", course)
    folder = course / "source" / source.parent.name
    folder.mkdir(parents=True)
    shutil.copy(source, folder)
    assert release(course) == 0
    return course / "notebooks" / source.parent.name / source.name


def execute(notebook: Path, folder: Path, *, allow_errors: bool = False) -> NotebookNode:
    """The notebook with its outputs, run from the folder."""
    document = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        document, timeout=120, allow_errors=allow_errors, resources={"metadata": {"path": str(folder)}}
    )
    return client.execute()


def graded(document: NotebookNode, points: Points) -> dict[str, NotebookNode]:
    """The graded cells by their outcomes."""
    # nbgrader's ids have no dots
    names = {canonical(outcome): outcome for outcome in points}
    cells = [cell for cell in document.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    return {names[cell.metadata.nbgrader.grade_id]: cell for cell in cells}


def shown(cell: NotebookNode) -> str:
    """The text of a cell's outputs, errors included."""
    parts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    errors = [f"{output.ename}: {output.evalue}" for output in cell.outputs if output.output_type == "error"]
    return "\n".join([*parts, *errors])


def failed(document: NotebookNode) -> dict[str, str]:
    """What kinds of errors cells ended with."""
    return {
        cell.id: output.ename
        for cell in document.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    }


def earns_everything(document: NotebookNode, points: Points) -> None:
    """Assert that every outcome has all its points."""
    cells = graded(document, points)
    assert cells.keys() == points.keys()
    for outcome, worth in points.items():
        assert f"{outcome}: visible checks passed, {worth:g} of {worth:g} points." in shown(cells[outcome])


def earns_nothing(document: NotebookNode, points: Points, reasons: Mapping[str, str]) -> None:
    """Assert that no outcome has a point, and that each says why."""
    cells = graded(document, points)
    assert cells.keys() == points.keys()
    for outcome, cell in cells.items():
        said = shown(cell)
        assert reasons[outcome] in said
        assert f"NotYet: {outcome}: 0 of {points[outcome]:g} points" in said


def holds_no_solution(document: NotebookNode) -> None:
    """Assert that neither solutions nor their discussions are left."""
    assert not any("SOLUTION" in cell.source for cell in document.cells)
    assert not any("discussion" in cell.metadata.get("tags", []) for cell in document.cells)


def is_as_agreed(source: Path, points: Points) -> None:
    """Assert that code cells are small and that points are as the outcomes'."""
    document = nbformat.read(source, as_version=4)
    code = [cell.source.splitlines() for cell in document.cells if cell.cell_type == "code"]
    assert statistics.median(map(len, code)) <= 5
    found = {name: cell.metadata.nbgrader.points for name, cell in graded(document, points).items()}
    assert found == points


class NotebookTests:
    """What holds for every notebook; one of these for each says what it is worth and what it needs."""

    source: Path
    points: Points
    missing: Mapping[str, str]
    """By outcome: what the release's check says before anything is done."""
    fails: frozenset[str] = frozenset()
    """Further errors that a release may end cells with: what the learner has to write is not there yet."""
    solved_with: Sequence[str] = ()
    """What the solutions say and the release's cells for them must not."""

    @pytest.fixture(scope="class")
    @classmethod
    def released(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return released(cls.source, tmp_path_factory.mktemp("course"))

    @pytest.mark.slow
    @pytest.mark.engine
    def test_the_source_earns_everything_on_an_empty_account_and_again_on_what_it_left(
        self, workplace: Path
    ) -> None:
        for _ in range(2):
            document = execute(self.source, workplace)
            earns_everything(document, self.points)
            self.surprises({cell.id: shown(cell) for cell in document.cells if cell.cell_type == "code"})

    def surprises(self, said: Mapping[str, str]) -> None:
        """Assert what the text promises about the outputs of cells."""

    @pytest.mark.slow
    @pytest.mark.engine
    def test_the_release_runs_through_and_every_graded_cell_earns_nothing_for_the_right_reason(
        self, released: Path, workplace: Path
    ) -> None:
        document = execute(released, workplace, allow_errors=True)
        earns_nothing(document, self.points, self.missing)
        assert set(failed(document).values()) <= {"NotImplementedError", "NotYet", *self.fails}

    def test_the_release_holds_no_solution(self, released: Path) -> None:
        document = nbformat.read(released, as_version=4)
        holds_no_solution(document)
        solutions = [
            "\n".join(cell.source for cell in each.cells if cell.metadata.get("nbgrader", {}).get("solution"))
            for each in (nbformat.read(self.source, as_version=4), document)
        ]
        assert [[words for words in self.solved_with if words in each] for each in solutions] == [
            list(self.solved_with),
            [],
        ]

    def test_cells_are_small_and_points_add_up(self) -> None:
        is_as_agreed(self.source, self.points)
