"""A test cell's `check`: asks the examiner to look, shows what it found, and says when points are missing."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from html import escape
from typing import Any

from labkit.display import CELL, TABLE, View, show, text_table
from labkit.errors import CheckError, NotYet

_GRADING_TIMEOUT_S = 120
_LIVE_TIMEOUT_S = 1_800
_EARNED, _MISSING = "#2e9e5b", "#d9730d"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    title: str
    points: float
    earned: float
    message: str

    @property
    def met(self) -> bool:
        """Whether it earned all its points."""
        return self.earned >= self.points


@dataclass(frozen=True)
class Verdict:
    """What the examiner found for an outcome."""

    outcome: str
    title: str
    points: float
    earned: float
    findings: tuple[Finding, ...]

    @property
    def summary(self) -> str:
        """The result in one line."""
        if self.earned >= self.points:
            return f"{self.outcome}: visible checks passed, {self.earned:g} of {self.points:g} points."
        missing = sum(not finding.met for finding in self.findings)
        return f"{self.outcome}: {self.earned:g} of {self.points:g} points so far; {missing} to look at."

    def view(self) -> View:
        """The findings as a table."""
        rows = [(_mark(item), _share(item), item.title, item.message) for item in self.findings]
        head = escape(f"{self.title}" if self.title else self.outcome)
        body = "".join(map(_html_row, self.findings))
        html = (
            f'<div class="labkit-check"><b>{head}</b><table style="{TABLE}"><tbody>{body}</tbody></table>'
            f"{escape(self.summary)}</div>"
        )
        return View(
            html=html,
            text="\n".join(filter(None, [self.title, text_table(rows) if rows else "", self.summary])),
        )


def check(outcome: str, **values: Any) -> None:
    """Have the outcome looked at and show the findings; raises NotYet while points are missing.

    The values go to the examiner as JSON, so only plain data is of use.
    """
    request = {"outcome": outcome, "values": json.loads(json.dumps(values, default=str))}
    examiner = os.environ.get("LAB_EXAMINER")
    answer = _ask_examiner(examiner, request) if examiner else _ask_autograder(request)
    verdict = _verdict(answer, outcome)
    show(verdict.view())
    if verdict.earned < verdict.points:
        raise NotYet(verdict.summary)


def _ask_examiner(url: str, request: dict[str, Any]) -> str:
    # the URL is the grader's own, from the environment
    post = urllib.request.Request(  # noqa: S310
        url, data=json.dumps(request).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    # the examiner is on this machine: a proxy in the environment must not get between
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(post, timeout=_GRADING_TIMEOUT_S) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            said = error.read().decode(errors="replace").strip()[:300]
        raise CheckError(f"The examiner refused {request['outcome']}: {said or error.reason}") from error
    except OSError as error:
        raise CheckError(f"The examiner did not answer for {request['outcome']}: {error}") from error


def _ask_autograder(request: dict[str, Any]) -> str:
    command = [sys.executable, "-m", "autograder", "check", request["outcome"], "--json"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(request["values"]),
            capture_output=True,
            text=True,
            timeout=_LIVE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CheckError(
            f"{request['outcome']} was looked at for {_LIVE_TIMEOUT_S // 60} minutes in vain."
        ) from error
    if not done.stdout.strip():
        said = done.stderr.strip().splitlines() or ["it printed nothing"]
        raise CheckError(f"The autograder could not check {request['outcome']}: {said[-1]}")
    return done.stdout


def _verdict(answer: str, outcome: str) -> Verdict:
    try:
        result = json.loads(answer)
        findings = tuple(
            Finding(str(item["title"]), float(item["points"]), float(item["earned"]), str(item["message"]))
            for item in result["findings"]
        )
        return Verdict(
            str(result["outcome"]),
            str(result["title"]),
            float(result["points"]),
            float(result["earned"]),
            findings,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CheckError(f"The answer about {outcome} cannot be read: {answer.strip()[:200]}") from error


def _html_row(finding: Finding) -> str:
    colour = _EARNED if finding.met else _MISSING
    cells = (finding.title, finding.message)
    return (
        f'<tr><td style="{CELL};color:{colour}">{_mark(finding)}</td>'
        f'<td style="{CELL};white-space:nowrap">{_share(finding)}</td>'
        + "".join(f'<td style="{CELL}">{escape(cell)}</td>' for cell in cells)
        + "</tr>"
    )


def _mark(finding: Finding) -> str:
    return "✓" if finding.met else "✗"


def _share(finding: Finding) -> str:
    return f"{finding.earned:g} / {finding.points:g}"
