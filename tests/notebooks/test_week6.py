"""The week as a whole: its hours, its points, and a notebook for each of its parts."""

import re

import nbformat

from . import fix_notebooks as fix

NOTEBOOKS = sorted(fix.WEEK6.glob("*.ipynb"))
TIME = re.compile(r"About ([\d.]+) hours?(?: and (\d+) minutes)? of week 6")


def test_the_week_is_complete() -> None:
    names = ["01-choosing-a-database", "02-rds", "03-aurora", "04-dynamodb", "05-sql-vs-dynamodb"]
    assert [path.stem for path in NOTEBOOKS] == names


def test_the_times_add_up_to_what_the_syllabus_recommends() -> None:
    stated = {path.stem: TIME.findall(path.read_text(encoding="utf-8")) for path in NOTEBOOKS}
    assert all(len(times) == 1 for times in stated.values()), stated
    assert 12 <= sum(float(hours) + int(minutes or 0) / 60 for [(hours, minutes)] in stated.values()) <= 14


def test_the_points_add_up_to_a_hundred() -> None:
    cells = [cell for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells]
    assert sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in cells) == 100
