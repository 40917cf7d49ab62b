"""docs/local-vs-aws.md, written from the services' tables."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator

from localaws.fidelity import Feature, Kind
from localaws.services import SERVICES

TITLES = {
    "rds": "Amazon RDS",
    "cloudwatch": "Amazon CloudWatch",
    "secretsmanager": "AWS Secrets Manager",
    "awslambda": "AWS Lambda",
    "lambda": "AWS Lambda",
    "logs": "Amazon CloudWatch Logs",
    "sns": "Amazon SNS",
    "dynamodb": "Amazon DynamoDB",
    "dynamodbstreams": "Amazon DynamoDB Streams",
    "elasticache": "Amazon ElastiCache",
    "ssm": "AWS Systems Manager",
    "cloudtrail": "AWS CloudTrail",
    "iam": "AWS IAM and STS",
    "kms": "AWS KMS",
    "redshift": "Amazon Redshift",
    "redshiftdata": "Amazon Redshift Data API",
    "s3": "Amazon S3",
    "athena": "Amazon Athena",
    "glue": "AWS Glue",
    "ec2": "Amazon EC2 and VPC",
    "ecs": "Amazon ECS",
    "dms": "AWS Database Migration Service",
    "rest": "Everything else",
}

MEANING: dict[Kind, tuple[str, str]] = {
    "real": (
        "It happens. A server of this machine, or the code in front of it, does what AWS's does.",
        "Look from outside: connect and ask (`SHOW max_connections`), or find it in `localaws status`.",
    ),
    "modelled": (
        "A stated model stands for it: states, rules and numbers follow AWS's, no machinery moves.",
        "The call changes what `describe` shows and what other calls allow, nothing that you could measure.",
    ),
    "API only": (
        "The call is answered and remembered, and has no effect.",
        "`describe` gives back what you said. Do not draw conclusions from it.",
    ),
    "absent": (
        "It is refused.",
        "An error of AWS's shape that says so; never a success that is none.",
    ),
}

_HEAD = """\
# How the local AWS differs from AWS

Generated from the tables in the code by `python -m localaws.fidelity`; edit those.

For each feature this page says which of four things it is here:

| | what it means | how to tell |
|---|---|---|
"""

_CLOCK = """
Two differences are everywhere. Time: a change of state takes what the server takes (mostly under a second),
where AWS takes minutes; waiters work on both. Scale: everything runs on this machine, so what you measure
compares designs with each other, not with AWS.
"""


def render() -> str:
    """Return the whole page."""
    meanings = "".join(_row(f"**{kind}**", *texts) for kind, texts in MEANING.items())
    return _HEAD + meanings + _CLOCK + "".join(_section(name, rows) for name, rows in tables())


def tables() -> Iterator[tuple[str, tuple[Feature, ...]]]:
    """Yield each service and its features, the services in the order in which a learner meets them."""
    names = dict.fromkeys(TITLES) | dict.fromkeys(SERVICES)
    for name in names:
        module = _module(name)
        if module is not None:
            yield name, importlib.import_module(module).FEATURES


def without_table() -> list[str]:
    """Return the registered services that say nothing about themselves."""
    told = dict(tables())
    return [name for name in SERVICES if not told.get(name)]


def _module(name: str) -> str | None:
    """Return the module with the table of a service: its own, else the one beside this page."""
    package = SERVICES.get(name)
    if package and importlib.util.find_spec(package).submodule_search_locations:  # type: ignore[union-attr]
        found = f"{package}.fidelity"
        return found if importlib.util.find_spec(found) else None
    found = f"localaws.fidelity.{name}"
    return found if importlib.util.find_spec(found) else None


def _section(name: str, features: tuple[Feature, ...]) -> str:
    rows = "".join(_row(each.name, each.kind, each.note) for each in features)
    return f"\n## {TITLES.get(name, name)}\n\n| feature | here | what to know |\n|---|---|---|\n{rows}"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
