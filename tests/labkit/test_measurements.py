"""What was measured is kept beside the notebooks, and shown for the cheat sheet."""

from pathlib import Path

import pytest

from labkit import measured, predict, record, reveal
from labkit.errors import DataError


@pytest.fixture(autouse=True)
def notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_revealed_is_kept_with_its_guess_in_one_unit() -> None:
    assert measured().empty
    predict("a failover", 2, "min")
    reveal("a failover", 7.5, "s")
    reveal("a failover nobody guessed", 8, "s")
    record("RDS: join", 1.25, "ms")
    assert measured().loc[["a failover"]].to_numpy().tolist() == [[120, 7.5, "s"]]
    assert measured().loc[["RDS: join"], ["measured", "unit"]].to_numpy().tolist() == [[1.25, "ms"]]
    assert measured()["guess"].isna().to_list() == [False, True, True]
    assert list(measured().index) == ["a failover", "a failover nobody guessed", "RDS: join"]


def test_the_latest_measurement_of_a_name_counts() -> None:
    record("RDS: join", 1.25, "ms")
    record("RDS: join", 3, "ms")
    assert measured()["measured"].to_list() == [3]


def test_a_broken_file_is_named_and_the_next_measurement_replaces_it(notebooks: Path) -> None:
    for broken in ("{", "[]", '{"a": {"guess": 1}}', '{"a": 3}', "\xff"):
        (notebooks / "measurements.json").write_text(broken, encoding="latin-1")
        with pytest.raises(DataError, match=r"measurements\.json cannot be read .* delete it"):
            measured()
    record("it", 1)
    assert measured()["measured"].to_list() == [1]


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(
    notebooks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (notebooks / "measurements.new").mkdir()
    record("it", 1)
    assert "it is not kept for the cheat sheet" in capsys.readouterr().out
    assert measured().empty
