"""Why tests of moto fail here: `<suite>.toml` has the rule of AWS, or the gap, that explains it."""

from __future__ import annotations

import tomllib
from pathlib import Path

SUITES = (
    "rds",
    "cloudwatch",
    "secretsmanager",
    "dynamodb",
    "elasticache",
    "cloudtrail",
    "athena",
    "dms",
)
GAP = "gap: "
"""Begins the explanation of what this local AWS lacks: AWS has no such rule."""


def explanations(suite: str) -> dict[str, str]:
    """Return the explanation of each test that is lost."""
    found: dict[str, str] = {}
    text = (Path(__file__).parent / f"{suite}.toml").read_text()
    for loss in tomllib.loads(text)["loss"]:
        for test in loss["tests"]:
            if test in found:
                raise ValueError(f"{suite}.toml names {test} twice")
            found[test] = loss["rule"]
    return found
