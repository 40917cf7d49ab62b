"""Predictions: kept, shown beside the measurement in one unit, never graded."""

from pathlib import Path

import pytest

from labkit import predict, reveal


@pytest.fixture(autouse=True)
def notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # measurements are kept in the folder of the notebook
    monkeypatch.chdir(tmp_path)


def test_a_guess_is_shown_beside_the_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    predict("memory of 50 connections", 100, "MB")
    reveal("memory of 50 connections", 88.0)
    said = capsys.readouterr().out
    assert "you predict 100 MB" in said
    assert "88 MB" in said
    assert "1.14 × too high" in said


@pytest.mark.parametrize(
    ("guess", "unit", "measured", "shown", "verdict"),
    [
        (2, "s", 250, "ms", "8 × too high"),
        (1, "GB", 1.05, "GB", "within 10 %"),
        (10, "ms", 25, "ms", "2.5 × your guess"),
        (3, "", 3, "", "exactly what you said"),
        (0, "", 3, "", "you expected none"),
        (3, "rows", 0, "rows", "none at all"),
        (3, "%", -2, "%", "the other way round"),
        (1, "rows", 1, "rows", "you predict 1 row."),
        (2, "$", 0.5881, "$", "$0.588"),
        (0.0004, "s", 1e-9, "s", "too high"),
    ],
)
def test_units_are_converted_before_they_are_compared(
    capsys: pytest.CaptureFixture[str], guess: float, unit: str, measured: float, shown: str, verdict: str
) -> None:
    predict("it", guess, unit)
    reveal("it", measured, shown)
    assert verdict in capsys.readouterr().out


def test_words_are_compared_as_words(capsys: pytest.CaptureFixture[str]) -> None:
    predict("what happens", "Refused")
    reveal("what happens", "refused")
    predict("what happens", "it works")
    reveal("what happens", "<refused>")
    said = capsys.readouterr().out
    assert "as you said" in said
    assert "not what you said" in said


def test_dots_are_no_guess_and_revealing_says_so_mildly(capsys: pytest.CaptureFixture[str]) -> None:
    predict("later", 5)
    predict("later", ...)
    reveal("later", 7, "ms")
    said = capsys.readouterr().out
    assert "no guess yet" in said
    assert "7 ms. You made no prediction" in said


def test_strange_measurements_do_not_break_the_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    predict("odd", 1)
    for value in (None, True, float("nan"), float("inf"), [1], -4, 10**30):
        reveal("odd", value)
    assert capsys.readouterr().out.count("odd") >= 7
