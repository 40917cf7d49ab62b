"""`check`: what it sends, what it shows, and how points that are missing read."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from labkit import check
from labkit.errors import CheckError, NotYet

from .conftest import Lab

FINDING: dict[str, Any] = {"title": "Private", "points": 2, "earned": 2, "message": ""}
OPEN: dict[str, Any] = {
    "title": "<b>Group</b>",
    "points": 3,
    "earned": 1,
    "message": "sg-1 admits <everybody>",
}


def answer(*findings: dict[str, Any]) -> dict[str, Any]:
    points, earned = (sum(item[name] for item in findings) for name in ("points", "earned"))
    return {
        "outcome": "lab-6.1",
        "title": "Lab 6.1",
        "points": points,
        "earned": earned,
        "findings": list(findings),
    }


def test_full_points_say_that_the_visible_checks_passed(
    examiner: Examiner, capsys: pytest.CaptureFixture[str]
) -> None:
    examiner.reply = answer(FINDING)
    check("lab-6.1", db={"made": datetime(2026, 1, 1, tzinfo=UTC)}, app_host="i-1")
    said = capsys.readouterr().out
    assert "visible checks passed, 2 of 2 points" in said
    assert "all passed" not in said
    assert examiner.requests == [
        {"outcome": "lab-6.1", "values": {"db": {"made": "2026-01-01 00:00:00+00:00"}, "app_host": "i-1"}}
    ]
    assert examiner.paths == ["/a-token"]


def test_missing_points_are_one_short_line_under_the_table(
    examiner: Examiner, capsys: pytest.CaptureFixture[str]
) -> None:
    examiner.reply = answer(FINDING, OPEN)
    with pytest.raises(NotYet, match=r"3 of 5 points so far; 1 to look at") as caught:
        check("lab-6.1")
    assert "sg-1 admits <everybody>" in capsys.readouterr().out
    assert caught.value._render_traceback_() == ["NotYet: lab-6.1: 3 of 5 points so far; 1 to look at."]


def test_the_page_cannot_be_written_to_by_a_message() -> None:
    from labkit.verdict import Finding, Verdict

    html = Verdict("x", "<i>t</i>", 5, 3, (Finding(**OPEN),)).view().html
    assert "&lt;everybody&gt;" in html
    assert "<b>Group" not in html
    assert "<i>t" not in html


@pytest.mark.parametrize("reply", ["", "not json", {"outcome": "x"}, []])
def test_an_answer_that_makes_no_sense_costs_nothing_and_says_so(examiner: Examiner, reply: object) -> None:
    examiner.reply = reply
    with pytest.raises(CheckError, match="cannot be read"):
        check("lab-6.1")


def test_a_refusal_carries_the_examiners_words(examiner: Examiner) -> None:
    examiner.status = 403
    examiner.reply = "values were already sent for this cell"
    with pytest.raises(CheckError, match="already sent"):
        check("lab-6.1")


def test_an_examiner_that_is_gone_is_not_the_learners_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_EXAMINER", "http://127.0.0.1:9/token")
    with pytest.raises(CheckError, match="did not answer"):
        check("lab-6.1")


def test_live_the_autograder_looks_at_the_account(local: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotYet, match="of 10 points so far"):
        check("lab-6.1", db="shop", app_host=local.app_host)
    assert "✓" in capsys.readouterr().out


def test_an_unknown_outcome_is_the_autograders_own_message(local: Lab) -> None:
    with pytest.raises(CheckError, match=r"lab-99"):
        check("lab-99")


def test_in_a_script_the_message_is_the_last_line(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from labkit import check\ncheck('lab-6.1')\n")
    environment = os.environ | {"LAB_EXAMINER": "http://127.0.0.1:9/token"}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith("labkit.errors.CheckError: The examiner did not answer")
    )


class Examiner:
    """What the examiner would answer, and what it was asked."""

    def __init__(self) -> None:
        self.reply: object = ""
        self.status = 200
        self.requests: list[Any] = []
        self.paths: list[str] = []


@pytest.fixture
def examiner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Examiner]:
    found = Examiner()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.paths.append(self.path)
            found.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(found.status)
            self.end_headers()
            text = found.reply if isinstance(found.reply, str) else json.dumps(found.reply)
            self.wfile.write(text.encode())

        def log_message(self, *words: object) -> None:
            """Keep quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setenv("LAB_EXAMINER", f"http://127.0.0.1:{server.server_port}/a-token")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    yield found
    server.shutdown()
    server.server_close()
