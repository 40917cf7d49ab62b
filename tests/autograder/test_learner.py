"""What a learner and an instructor see: `nbgrader validate` with a live examiner, and the feedback page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbgrader.converters import GenerateFeedback
from nbgrader.validator import Validator

from autograder.outcome import Verdict
from autograder.window import Window

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")

SOURCES = {
    "right": ("import warnings\nwarnings.warn('old')\n(account / 'a').write_text('42')", ""),
    "wrong": ("(account / 'a').write_text('41')", "a is not 42: count again"),
}


@pytest.fixture
def live(course: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A live examiner: here its window stays open for the one cell that is looked at."""
    kept: list[Verdict] = []
    account = course.config.ExecuteIsolated.account_class()
    account.folder = tmp_path / "account"
    with account, Window(account.judge, kept.append) as window:
        window.open("toy-a")
        monkeypatch.setenv("LAB_EXAMINER", window.url)
        for name, value in account.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        yield


@pytest.mark.parametrize("answer", SOURCES)
def test_validate_agrees_with_the_examiner(course: Any, live: None, tmp_path: Path, answer: str) -> None:
    source, message = SOURCES[answer]
    notebook = course.released
    notebook.cells = notebook.cells[:6]
    notebook.cells[4].source = source
    # a warning in the very cell that is graded
    notebook.cells[1].source += "\nimport sys\nreal = check\ndef check(*a, **k):\n"
    notebook.cells[1].source += "    print('deprecated', file=sys.stderr)\n    return real(*a, **k)\n"
    path = tmp_path / "toy.ipynb"
    course.write(path, notebook)
    result = Validator(config=course.config).validate(str(path))
    if message:
        assert message in result["failed"][0]["raw_error"]
    else:
        assert result == {}


def test_feedback_shows_the_findings(course: Any) -> None:
    def change(notebook: Any) -> None:
        notebook.cells[4].source = "print('<script>alert(1)</script>')"

    course.hand_in("ada", change)
    assert course.grade()
    GenerateFeedback(coursedir=course.coursedir, config=course.config).start()
    page = (course.root / "feedback/ada/toys/toy.html").read_text()
    assert "A number is kept: 0 of 4 points" in page
    assert "there is no a: &lt;b&gt;write&lt;/b&gt; it" in page
    assert "<script>alert(1)" not in page
