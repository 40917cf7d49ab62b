"""Submissions through nbgrader's autograde: honest ones get their points, attacks what they earned."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from autograder import landlock

# the first is a student's doing, the second nbgrader's own
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore::nbformat.warnings.DuplicateCellId", "ignore::sqlalchemy.exc.SAWarning"
    ),
]

RIGHT = "(account / 'a').write_text('42')"
ALSO = "(account / 'b').write_text('7')"
WRONG = "(account / 'a').write_text('41')"


def answer(a: str, b: str = ALSO) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
        cells["toy-a-solution"].source = a
        cells["toy-b-solution"].source = b

    return change


def find(notebook: NotebookNode, grade_id: str) -> Any:
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def edited_tests(notebook: NotebookNode) -> None:
    answer(WRONG)(notebook)
    cell = find(notebook, "toy-a")
    cell.source = "pass"
    cell.metadata.tags = ["skip-execution"]
    cell.metadata.nbgrader.points = 400
    cell.outputs = [new_output("execute_result", data={"text/plain": "4.0"}, execution_count=1)]


def deleted_cells(notebook: NotebookNode) -> None:
    answer(WRONG)(notebook)
    notebook.cells = [find(notebook, "toy-a-solution")]


def duplicated_cells(notebook: NotebookNode) -> None:
    answer(RIGHT)(notebook)
    notebook.cells += [find(notebook, "toy-a-solution"), find(notebook, "toy-a"), find(notebook, "toy-b")]


def added_cell(notebook: NotebookNode) -> None:
    answer("save('42')")(notebook)
    place = notebook.cells.index(find(notebook, "toy-a-solution"))
    notebook.cells.insert(place, new_code_cell("def save(text):\n    (account / 'a').write_text(text)"))


def without_metadata(notebook: NotebookNode) -> None:
    answer(RIGHT)(notebook)
    for cell in notebook.cells:
        cell.metadata = type(cell.metadata)()


def renamed(notebook: NotebookNode) -> None:
    answer(WRONG)(notebook)
    find(notebook, "toy-a").metadata.nbgrader.grade_id = "toy-c"
    find(notebook, "toy-b").metadata.nbgrader.solution = True


PATCHED = """
def check(outcome, **values):
    return 4.0
"""
FORGED = """
import IPython, sys
shell = get_ipython()
shell.run_cell = shell.run_cell_async = lambda *a, **k: IPython.core.interactiveshell.ExecutionResult(None)
shell.kernel.do_execute = lambda *a, **k: {"status": "ok", "execution_count": 1, "user_expressions": {}}
"""
BLANKED = "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])"
STOLEN = """
import urllib.request, os
for path in ("", "/x"):
    try:
        forged = b'{"outcome": "toy-a", "values": {"name": "a"}}'
        urllib.request.urlopen(os.environ["LAB_EXAMINER"] + path, forged)
    except Exception as error:
        print(error, error.read())
"""
FLOOD = RIGHT + "\nfor _ in range(200):\n    print('x' * 100_000)"
DAEMON = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
"""
SCRIPT = """
from IPython.display import HTML, display
display(HTML("<script>alert(1)</script><b onclick='x'>bold</b>"))
"""
WARNED = "import sys\nprint('a warning', file=sys.stderr)\n" + RIGHT
SHELL = "!echo -n 42 > $TOY_ACCOUNT/a && echo written"

STUDENTS: dict[str, tuple[Callable[[NotebookNode], object], float, float]] = {
    "honest": (answer(RIGHT), 4, 2),
    "half": (answer(WRONG), 1, 2),
    "nothing": (lambda notebook: None, 0, 0),
    "warned": (answer(WARNED), 4, 2),
    "shell": (answer(SHELL), 4, 2),
    "added": (added_cell, 4, 2),
    "bare": (without_metadata, 4, 2),
    "duplicated": (duplicated_cells, 4, 2),
    "edited": (edited_tests, 1, 2),
    "deleted": (deleted_cells, 1, 0),
    "renamed": (renamed, 1, 2),
    "patched": (answer(PATCHED), 0, 0),
    "forged": (answer(WRONG + FORGED), 0, 0),
    "blanked": (answer(BLANKED), 0, 0),
    "stolen": (answer(STOLEN + WRONG), 1, 2),
    "exited": (answer("import sys\nsys.exit()"), 0, 2),
    "killed": (answer(RIGHT, "import os\nos._exit(1)"), 4, 0),
    "flooded": (answer(FLOOD), 4, 2),
    "daemon": (answer(DAEMON + RIGHT), 4, 2),
    "script": (answer(SCRIPT + RIGHT), 4, 2),
    "endless": (answer(RIGHT, "while True: pass"), 4, 0),
}


@pytest.fixture(scope="module")
def handed_in(course: Any) -> Any:
    for student, (change, _, _) in STUDENTS.items():
        course.hand_in(student, change)
    broken = course.root / "submitted/aaa-broken/toys"
    broken.mkdir(parents=True)
    (broken / "toy.ipynb").write_text("no notebook")
    linked = course.root / "submitted/linked/toys"
    linked.mkdir(parents=True)
    (linked / "toy.ipynb").symlink_to(course.root / "source/toys/toy.ipynb")
    (linked / "key.txt").symlink_to(course.root / "source/toys/toy.ipynb")
    course.all_went_through = course.grade()
    return course


@pytest.mark.parametrize("student", STUDENTS)
def test_the_score_is_what_the_account_shows(handed_in: Any, student: str) -> None:
    _, a, b = STUDENTS[student]
    assert handed_in.scores(student) == {"toy-a": a, "toy-b": b}


def test_a_shell_command_shows_its_output(handed_in: Any) -> None:
    cell = find(handed_in.graded("shell"), "toy-a-solution")
    assert "written" in "".join(output.get("text", "") for output in cell.outputs)


def test_a_broken_submission_stops_no_other(handed_in: Any) -> None:
    assert not handed_in.all_went_through
    assert not (handed_in.root / "autograded/aaa-broken").exists()


def test_links_are_not_followed(handed_in: Any) -> None:
    assert handed_in.scores("linked") == {"toy-a": 0, "toy-b": 0}
    assert not (handed_in.root / "autograded/linked/toys/key.txt").exists()


def test_the_record_is_private_json_lines(handed_in: Any) -> None:
    record: Path = handed_in.root / ".examiner/record.jsonl"
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    honest = [line["verdict"]["earned"] for line in lines if line["student"] == "honest"]
    assert honest == [4, 2]


def test_the_graded_cell_shows_the_findings_escaped(handed_in: Any) -> None:
    cell = find(handed_in.graded("patched"), "toy-a")
    assert "was not asked" in cell.outputs[0].data["text/html"]
    cell = find(handed_in.graded("nothing"), "toy-a")
    html = cell.outputs[0].data["text/html"]
    assert "&lt;b&gt;write&lt;/b&gt;" in html
    assert "0 of 4 points" in html


def test_a_dead_kernel_is_told(handed_in: Any) -> None:
    notebook = handed_in.graded("killed")
    assert find(notebook, "toy-b-solution").outputs[-1].evalue.startswith("the kernel died")
    assert find(notebook, "toy-b").outputs[-1].evalue.startswith("not run")


def test_output_is_limited_and_inactive(handed_in: Any) -> None:
    graded = handed_in.root / "autograded"
    assert (graded / "flooded/toys/toy.ipynb").stat().st_size < 3_000_000
    shown = find(handed_in.graded("script"), "toy-a-solution").outputs[0].data["text/html"]
    assert "<script" not in shown
    assert "onclick" not in shown.replace("&lt;", "<") or "<b onclick" not in shown


def test_no_process_is_left(handed_in: Any) -> None:
    assert [process for process in psutil.process_iter() if _outlives_its_sandbox(process)] == []


def _outlives_its_sandbox(process: psutil.Process) -> bool:
    """Whether it was a learner's whose folder is gone: other sandboxes may be at work meanwhile."""
    try:
        environment = process.environ()
        living = process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
    return living and "LAB_SANDBOX" in environment and not Path(environment["HOME"]).exists()


def test_what_this_system_does_not_confine_is_told_once(
    course: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(landlock, "missing", lambda: "no Landlock here")
    another = type(course)(tmp_path)
    for student in ("first", "second"):
        another.hand_in(student, lambda notebook: None)
    assert another.grade()
    assert caplog.text.count("no Landlock here") == 1


def test_the_release_has_no_discussion(course: Any) -> None:
    assert "Why 42?" not in [cell.source for cell in course.released.cells]
