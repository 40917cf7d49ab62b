"""A tiny course whose account is a folder, so that nbgrader's own steps can be tested without a database."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment, NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.course import course_config
from autograder.errors import Mistake
from autograder.outcome import Sheet, Verdict, find_outcome, outcome

ROOT = Path(__file__).parents[2]

CHECK = """
import json, os, urllib.request
def check(outcome, **values):
    body = json.dumps({"outcome": outcome, "values": values}).encode()
    with urllib.request.urlopen(os.environ["LAB_EXAMINER"], body) as answer:
        verdict = json.load(answer)
    if verdict["earned"] < verdict["points"]:
        raise AssertionError(verdict["findings"])
"""
ACCOUNT = "import os, pathlib\naccount = pathlib.Path(os.environ['TOY_ACCOUNT'])"


@outcome("toy-a", title="A number is kept", points=4)
def toy_a(sheet: Sheet, account: Path, *, name: str) -> None:
    def exists() -> None:
        if not (account / name).is_file():
            raise Mistake(f"there is no {name}: <b>write</b> it")

    def right() -> None:
        if (account / name).read_text() != "42":
            raise Mistake(f"{name} is not 42: count again")

    sheet.judge("It exists", 1, exists)
    sheet.judge("It is right", 3, right)


@outcome("toy-b", title="Another number is kept", points=2)
def toy_b(sheet: Sheet, account: Path, *, name: str) -> None:
    sheet.judge("It exists", 2, (account / name).read_text)


class FolderAccount:
    """Stands in for a localaws: the account is a folder that the kernel may write to."""

    folder: Path

    def __enter__(self) -> "FolderAccount":
        return self

    def __exit__(self, *_: object) -> None:
        """It goes with the sandbox that it is in."""

    def environment(self, folder: Path) -> dict[str, str]:
        self.folder = folder / "account"
        self.folder.mkdir()
        self.folder.chmod(0o777)
        return {"TOY_ACCOUNT": str(self.folder)}

    def judge(self, outcome: str, values: Mapping[str, object]) -> Verdict:
        return find_outcome(outcome).verdict(self.folder, values)


def solution(grade_id: str, source: str) -> NotebookNode:
    return graded(grade_id, source, solution=True, locked=False, grade=False)


def graded(grade_id: str, source: str, **settings: object) -> NotebookNode:
    described = {"grade_id": grade_id, "schema_version": 3, "task": False, "cell_type": "code"} | settings
    return nbformat.v4.new_code_cell(source, metadata={"nbgrader": described})


def test_cell(grade_id: str, points: int, source: str) -> NotebookNode:
    return graded(grade_id, source, solution=False, locked=True, grade=True, points=points)


def toy_notebook() -> NotebookNode:
    cells = [
        nbformat.v4.new_markdown_cell("# Toy"),
        nbformat.v4.new_code_cell(CHECK),
        nbformat.v4.new_code_cell(ACCOUNT),
        nbformat.v4.new_markdown_cell("**Exercise 1 (4 points)**"),
        solution("toy-a-solution", "(account / 'a').write_text('42')"),
        test_cell("toy-a", 4, 'check("toy-a", name="a")'),
        nbformat.v4.new_markdown_cell("Why 42?", metadata={"tags": ["discussion"]}),
        solution("toy-b-solution", "(account / 'b').write_text('7')"),
        test_cell("toy-b", 2, 'check("toy-b", name="b")'),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


class Course:
    """A course in a folder: hand in, grade, and read the gradebook."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copy(ROOT / "nbgrader_config.py", root)
        self.write(root / "source/toys/toy.ipynb", toy_notebook())
        GenerateAssignment(coursedir=self.coursedir, config=self.config).start()

    @property
    def config(self) -> Config:
        config = course_config(self.root)
        config.CourseDirectory.root = str(self.root)
        config.CourseDirectory.assignment_id = "toys"
        config.ExecuteIsolated.account_class = FolderAccount
        config.ExecuteIsolated.wall_clock = 20
        config.Execute.timeout = 5
        config.Execute.iopub_timeout = 2
        return config

    @property
    def coursedir(self) -> CourseDirectory:
        return CourseDirectory(config=self.config)

    @property
    def released(self) -> NotebookNode:
        return nbformat.read(self.root / "notebooks/toys/toy.ipynb", as_version=4)

    def write(self, path: Path, notebook: NotebookNode) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)

    def hand_in(self, student: str, change: Callable[[NotebookNode], object]) -> Path:
        notebook = self.released
        change(notebook)
        path = self.root / "submitted" / student / "toys/toy.ipynb"
        path.parent.mkdir(parents=True)
        # as a student's file comes: nbformat would repair it
        path.write_text(json.dumps(notebook))
        return path

    def grade(self) -> bool:
        """Grade all; whether every submission went through."""
        try:
            Autograde(coursedir=self.coursedir, config=self.config).start()
        except NbGraderException:
            return False
        return True

    def scores(self, student: str) -> dict[str, float | None]:
        with Gradebook(self.coursedir.db_url) as gradebook:
            notebook = gradebook.find_submission_notebook("toy", "toys", student)
            return {grade.name: grade.auto_score for grade in notebook.grades}

    def graded(self, student: str) -> NotebookNode:
        return nbformat.read(self.root / "autograded" / student / "toys/toy.ipynb", as_version=4)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return Course(tmp_path_factory.mktemp("course"))
