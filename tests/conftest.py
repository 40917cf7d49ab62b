"""What all tests share: the order in which files are run, and that none changes what the next one sees."""

import os
from collections.abc import Iterator

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have slow tests, so that no core waits for the last of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def _account() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if name.startswith(("AWS_", "LAB_", "LOCALAWS_"))
    }


@pytest.fixture(autouse=True)
def account_variables_stay() -> Iterator[None]:
    """A variable left behind would send the next test's clients to another account."""
    before = _account()
    yield
    after = _account()
    for name in after.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    assert after == before, "the test leaves other AWS_*, LAB_* or LOCALAWS_* variables than it found"
