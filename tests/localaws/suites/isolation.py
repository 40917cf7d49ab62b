"""A pytest plugin that isolates moto's tests from each other.

It is loaded on its own, beside moto's tests: it imports nothing of this project.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.client import BaseClient
from moto.core.models import ServerModeMockAWS


@pytest.fixture(scope="class", autouse=True)
def fresh() -> None:
    """Have moto empty the account for each test or class, even if the one before never took its mock away."""
    ServerModeMockAWS._nested_count = 0


@pytest.fixture(autouse=True)
def trail_buckets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the buckets of CloudTrail's tests the policy that a trail needs, which those leave out."""
    if "test_cloudtrail" not in str(request.path):
        return
    call: Any = vars(BaseClient)["_make_api_call"]

    def with_policy(client: Any, operation: str, words: dict[str, Any]) -> Any:
        answer = call(client, operation, words)
        if operation == "CreateBucket":
            allow = {
                "Effect": "Allow",
                "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": ["s3:GetBucketAcl", "s3:PutObject"],
                "Resource": [f"arn:aws:s3:::{words['Bucket']}", f"arn:aws:s3:::{words['Bucket']}/*"],
            }
            policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
            call(client, "PutBucketPolicy", {"Bucket": words["Bucket"], "Policy": policy})
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", with_policy)
