"""docs/local-vs-aws.md says what the services' tables say, and every service has one."""

from __future__ import annotations

from pathlib import Path

import pytest

from localaws.fidelity import KINDS
from localaws.fidelity.__main__ import main
from localaws.fidelity.page import tables, without_table
from localaws.services import SERVICES


def test_the_committed_page_is_fresh() -> None:
    assert main(["--check"]) == 0


def test_a_page_that_says_something_else_is_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    assert main(["--page", str(page)]) == 0
    assert main(["--check", "--page", str(page)]) == 0
    page.write_text(page.read_text().replace("| real |", "| modelled |", 1))
    capsys.readouterr()
    assert main(["--check", "--page", str(page)]) == 1
    assert "python -m localaws.fidelity" in capsys.readouterr().out


def test_every_registered_service_has_a_table() -> None:
    assert without_table() == []


def test_a_service_without_a_table_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SERVICES, "quantum", "localaws.errors")
    assert main(["--check"]) == 1
    assert "quantum" in capsys.readouterr().out


def test_features_say_one_thing_each_in_known_kinds() -> None:
    for service, features in tables():
        names = [each.name for each in features]
        assert len(names) == len(set(names)), service
        assert {each.kind for each in features} <= set(KINDS), service
        assert all(each.note for each in features), service
