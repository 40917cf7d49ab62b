"""The notebook lint: a good notebook passes, each broken rule is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from autograder.cli import main

HEAD = "# Toy\n\n## Objectives\nMake.\n\n## Time\n1 h\n\n## Cost on AWS\n0 USD\n\n## Fidelity\n| a |\n|---|"
HINTS = "<details><summary>Hint 1: look</summary>\n\nHint: there.\n\n</details>"


def described(grade_id: str, **settings: Any) -> dict[str, Any]:
    return {"nbgrader": {"grade_id": grade_id, "schema_version": 3, "task": False} | settings}


def good() -> NotebookNode:
    solution = described("lab-6.1-solution", solution=True, locked=False, grade=False)
    judged = described("lab-6.1", solution=False, locked=True, grade=True, points=10)
    return nbformat.v4.new_notebook(
        cells=[
            new_markdown_cell(HEAD),
            new_code_cell("%load_ext labkit"),
            new_markdown_cell("**Exercise 6.1 (10 points)** Put it away.\n\n" + HINTS),
            new_code_cell("### BEGIN SOLUTION\nDB = 'shop'\n### END SOLUTION", metadata=solution),
            new_code_cell('check("lab-6.1", db=DB, app_host=APP_HOST)', metadata=judged),
        ]
    )


def lint(tmp_path: Path, notebook: NotebookNode, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    path = tmp_path / "toy.ipynb"
    nbformat.write(notebook, path)
    with pytest.raises(SystemExit) as ended:
        main(["lint", str(path)])
    return int(ended.value.code or 0), capsys.readouterr().out


def test_a_good_notebook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = lint(tmp_path, good(), capsys)
    assert code == 0
    assert "5 cells; code lines median 1, longest 1; words a text cell median" in out


BROKEN: dict[str, tuple[Callable[[list[Any]], object], str]] = {
    "block": (lambda c: c[0].update(source=HEAD.replace("## Time", "Time")), "'## Time' is missing"),
    "output": (lambda c: c[1].update(outputs=[new_output("stream", text="x")]), ":2: has outputs"),
    "count": (lambda c: c[1].update(execution_count=3), ":2: has outputs"),
    "twice": (
        lambda c: c[3].metadata.nbgrader.update(grade_id="lab-6.1"),
        ":5: grade_id 'lab-6.1' is cell 4's",
    ),
    "points": (
        lambda c: c[2].update(source="**Exercise 6.1 (9 points)**"),
        ":5: 9 points are printed, the metadata has 10",
    ),
    "zero": (lambda c: c[4].metadata.nbgrader.update(points=0), ":5: is graded with no points"),
    "worth": (lambda c: c[4].metadata.nbgrader.update(points=9), "but the outcome is worth 10"),
    "unknown": (lambda c: c[4].metadata.nbgrader.update(grade_id="lab-9"), "'lab-9' is no outcome"),
    "unlocked": (
        lambda c: c[4].metadata.nbgrader.update(locked=False),
        ":5: is a test cell that is not locked",
    ),
    "no solution": (lambda c: c.pop(3), "has no solution cell"),
    "no exercise": (lambda c: c[2].update(source="Do it."), "has no '**Exercise"),
    "no test": (lambda c: c.pop(), "the last exercise has no test cell"),
    "names": (
        lambda c: c[3].metadata.nbgrader.update(grade_id="mine"),
        "should begin with 'lab-6.1-solution'",
    ),
    "hint": (lambda c: c[2].update(source=c[2].source + "\n\n**Hint 2**: subnets"), ":3: shows a hint"),
    "prose": (lambda c: c[2].update(source=c[2].source + " word" * 90), "words: split it at 80"),
    "code": (
        lambda c: c[1].update(source="\n".join(["x = 1"] * 20)) or c[4].update(source="y = 2\n" * 9),
        "median",
    ),
    "sleep": (lambda c: c[1].update(source="%time\nimport time\ntime.sleep(5)"), ":2: sleeps"),
    "version": (
        lambda c: c[2].update(source=c[2].source + " PostgreSQL 16.3"),
        "pins a version (PostgreSQL 16.3)",
    ),
    "dollars": (
        lambda c: c[2].update(source=c[2].source + "\n\n$5 now, `$HOME`, \\$6 in May"),
        ":3: has two dollar signs in a paragraph",
    ),
    "engine": (lambda c: c[1].update(source="create(EngineVersion='16.3')"), "pins a version"),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_named(rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, message = BROKEN[rule]
    notebook = good()
    change(notebook.cells)
    code, out = lint(tmp_path, notebook, capsys)
    assert code == 1
    assert message in out


@pytest.mark.parametrize(("name", "content"), [("toy.ipynb", "{}"), ("toy.ipynb", "no"), ("other", None)])
def test_what_is_no_notebook(
    tmp_path: Path, name: str, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(SystemExit) as ended:
        main(["lint", str(tmp_path / name)])
    assert ended.value.code == 2
    assert "is not a notebook" in capsys.readouterr().err
