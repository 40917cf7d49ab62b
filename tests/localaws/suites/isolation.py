"""A pytest plugin that isolates moto's tests from each other.

It is loaded on its own, beside moto's tests: it imports nothing of this project.
"""

from __future__ import annotations

import pytest
from moto.core.models import ServerModeMockAWS


@pytest.fixture(scope="class", autouse=True)
def fresh() -> None:
    """Have moto empty the account for each test or class, even if the one before never took its mock away."""
    ServerModeMockAWS._nested_count = 0
