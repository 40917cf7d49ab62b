"""Choosing a database, executed both ways: the source earns all, twice; the release nothing, and why."""

import re
from collections.abc import Mapping

import nbformat

from autograder import choices

from . import fix_notebooks as fix


class TestChoosing(fix.NotebookTests):
    """Two exercises of choices; everything else of the tour is written out."""

    source = fix.WEEK6 / "01-choosing-a-database.ipynb"
    points = {"choices": 16, "breaks": 4}
    missing = {
        "choices": "'gift cards: service' is not answered: choose one of Athena, Aurora,",
        "breaks": "'one table' is not answered: choose one of ",
    }
    solved_with = tuple(key.answer for key in choices.keys("breaks").values())

    def surprises(self, said: Mapping[str, str]) -> None:
        """What the text says of stale copies, of scans and of the cache's memory."""
        assert "of four, still the old answer: 3." in said["order"]
        assert said["march-scan"].splitlines()[-1].startswith("(True, ")
        assert said["march-files"].startswith("(True, ")
        assert said["redshift-answer"] == "True"
        assert "keys after the reboot: 0." in said["reboot"]

    def test_what_the_notebook_offers_is_what_the_keys_offer(self) -> None:
        text = {cell.id: cell.source for cell in nbformat.read(self.source, as_version=4).cells}
        workloads = table(text["workloads"] + "\n" + text["workloads-2"])
        facts = {row[0].strip(): set(re.findall(r"\*\*([^*]+)\*\*", row[-1].lower())) for row in workloads}
        for question, key in choices.keys("choices").items():
            workload, part = question.split(": ")
            if part == "fact":
                assert facts[workload] == {each.lower() for each in key.offered}
        designs = {row[0].strip(): row[-1] for row in table(text["ex-breaks"])}
        for question, key in choices.keys("breaks").items():
            assert set(re.findall(r"\*([^*]+)\*", designs[question])) == set(key.offered)


def table(text: str) -> list[list[str]]:
    """The cells of a text's table, row by row."""
    return [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")]
