"""The explanations of what moto's own suites lose here; the suites themselves are a command of their own."""

from __future__ import annotations

import pytest

from tests.localaws.suites.losses import SUITES, explanations


@pytest.mark.parametrize("suite", SUITES)
def test_each_loss_has_one_explanation(suite: str) -> None:
    found = explanations(suite)
    assert found
    for name, rule in found.items():
        assert name.startswith(f"test_{suite}.")
        assert len(rule) > 20
