"""The notebook of SQL and DynamoDB, executed both ways: the source earns all, twice; the release nothing."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from . import fix_notebooks as fix

KEPT = {
    "one badge, RDS: join": {"guess": None, "measured": 1.5, "unit": "ms"},
    "a million badges, RDS: join": {"guess": None, "measured": 0.5, "unit": "$"},
    "slowest : quickest": {"guess": 10, "measured": 900.0, "unit": "times"},
}


class TestSqlAndDynamoDB(fix.NotebookTests):
    """One exercise, after measurements of the week's other notebooks."""

    source = fix.WEEK6 / "05-sql-vs-dynamodb.ipynb"
    points = {"lab-6.5": 8}
    missing = {"lab-6.5": "name two different questions in STAY first"}
    solved_with = ('STAY = ["keepers', ".query(", "not exists")

    @pytest.fixture
    def workplace(self, workplace: Path) -> Path:
        """With measurements of another notebook, with and without a guess."""
        (workplace / "measurements.json").write_text(json.dumps(KEPT))
        return workplace

    def surprises(self, said: Mapping[str, str]) -> None:
        """What the text says of the bet, and the cheat sheet of other notebooks."""
        assert "False" not in said["equal"]
        assert "flat in DynamoDB, of eight: 4" in said["reveal-flat"]
        assert "flat in PostgreSQL, of eight: 4" in said["reveal-flat"]
        assert "revenue missing in the naive Scan: 0 " not in said["reveal-missing"]
        assert "slowest : quickest" in said["own-shown"]
        assert "notebook 02 has not been run here yet" in said["own-shown"]
        assert "RDS: join" in said["own-stores"]
