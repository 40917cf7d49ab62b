"""DynamoDB's items, indexes and pages against a small model in memory, by histories that hypothesis makes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase

from .dynamodb_model import compare
from .fix_dynamodb_rules import dynamodb


@pytest.mark.slow
def test_a_table_does_what_the_model_does(aws: Any) -> None:
    # the same histories each time; `python -m tests.localaws.dynamodb_model` makes others
    compare(
        dynamodb(aws),
        derandomize=True,
        max_examples=8,
        stateful_step_count=40,
        phases=(Phase.generate,),
    )
