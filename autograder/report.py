"""A verdict for people: a table in text, or in HTML that nothing in a message can break out of."""

import textwrap
from html import escape

from autograder.outcome import Finding, Verdict

WIDTH = 100


def number(points: float) -> str:
    """Points without a needless fraction."""
    return f"{points:g}"


def text_table(verdict: Verdict) -> str:
    """The verdict as lines of text."""
    lines = [
        f"{verdict.outcome}  {verdict.title}: {number(verdict.earned)} of {number(verdict.points)} points"
    ]
    for finding in verdict.findings:
        mark = "ok  " if _passed(finding) else "FAIL"
        lines.append(f"  {mark} {number(finding.earned):>3}/{number(finding.points):<3} {finding.title}")
        lines += textwrap.wrap(finding.message, WIDTH, initial_indent=" " * 15, subsequent_indent=" " * 15)
    return "\n".join(lines)


def html_table(verdict: Verdict) -> str:
    """The verdict as an HTML table; every text in it is escaped."""
    rows = "".join(f"<tr>{''.join(map(_cell, _texts(finding)))}</tr>" for finding in verdict.findings)
    summary = f"{escape(verdict.title)}: {number(verdict.earned)} of {number(verdict.points)} points"
    return f'<div class="examiner"><strong>{summary}</strong><table>{rows}</table></div>'


def _texts(finding: Finding) -> list[str]:
    share = f"{number(finding.earned)} / {number(finding.points)}"
    return ["✓" if _passed(finding) else "✗", share, finding.title, finding.message]


def _cell(text: str) -> str:
    # nbgrader's feedback page gives tables no room of their own
    return f'<td style="padding:2px 12px 2px 0;vertical-align:top;text-align:left">{escape(text)}</td>'


def _passed(finding: Finding) -> bool:
    return not finding.message and finding.earned == finding.points
