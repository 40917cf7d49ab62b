"""The examiner's window: once, for the cell that runs, at the address that was given."""

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping

import pytest

from autograder.outcome import Finding, Verdict
from autograder.window import Window


def judge(outcome: str, values: Mapping[str, object]) -> Verdict:
    return Verdict(outcome, "T", (Finding(str(values["db"]), 2, 2),))


@pytest.fixture
def kept() -> list[Verdict]:
    return []


@pytest.fixture
def window(kept: list[Verdict]) -> Iterator[Window]:
    with Window(judge, kept.append) as window:
        yield window


def ask(url: str, body: object) -> tuple[int, str]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(url, content) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_one_request_while_the_cell_runs(window: Window, kept: list[Verdict]) -> None:
    request = {"outcome": "lab-6.1", "values": {"db": "shop"}}
    assert ask(window.url, request)[0] == 409
    window.open("lab-6-1")
    assert ask(window.url, request | {"outcome": "lab-6.2"})[0] == 409
    status, answer = ask(window.url, request)
    assert status == 200
    assert json.loads(answer)["findings"][0]["title"] == "shop"
    assert ask(window.url, request)[1] == (
        "lab-6.1 is taken once, from its own graded cell, while that cell runs"
    )
    window.open("lab-6.2")
    window.close()
    assert ask(window.url, request | {"outcome": "lab-6.2"})[0] == 409
    assert [verdict.outcome for verdict in kept] == ["lab-6.1"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"outcome": 1, "values": {}}',
        b'{"outcome": "a"}',
        b"[" * 100_000,
        b" " * (2 << 20),
    ],
)
def test_bad_requests_are_refused(window: Window, kept: list[Verdict], body: bytes) -> None:
    window.open("a")
    # a body that is far too large is not even read: the caller may meet a closed connection
    with contextlib.suppress(urllib.error.URLError):
        assert ask(window.url, body)[0] == 409
    assert kept == []


def test_another_address_is_refused(window: Window, kept: list[Verdict]) -> None:
    window.open("a")
    url = window.url.rsplit("/", 1)[0]
    assert ask(url + "/guess", {"outcome": "a", "values": {"db": "x"}})[0] == 409
    assert kept == []
