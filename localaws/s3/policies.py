"""What a bucket's policy has to be before S3 takes it ("Policies and permissions in Amazon S3")."""

from __future__ import annotations

import json
from typing import Any

from moto.s3.exceptions import S3ClientError


def check(bucket: str, text: bytes | str) -> None:
    """Refuse what is no policy of this bucket with MalformedPolicy."""
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'")
    statements = document.get("Statement")
    if not statements:
        raise _malformed("Missing required field Statement")
    for statement in statements if isinstance(statements, list) else [statements]:
        _check_statement(bucket, statement)


def _check_statement(bucket: str, statement: Any) -> None:
    if not isinstance(statement, dict):
        raise _malformed("Statement must be an object")
    for name in ("Effect", "Principal", "Action", "Resource"):
        if not statement.get(name) and not statement.get(f"Not{name}"):
            raise _malformed(f"Missing required field {name}")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed(f"Invalid effect: {statement.get('Effect')}")
    named = statement.get("Resource") or statement["NotResource"]
    for resource in [named] if isinstance(named, str) else named:
        if not _is_of(bucket, str(resource)):
            raise _malformed("Policy has invalid resource")


def _is_of(bucket: str, resource: str) -> bool:
    """Whether an ARN can mean the bucket or its objects; a wildcard stands for any name."""
    prefix, _, rest = resource.partition(":s3:::")
    if not rest or prefix.partition(":")[0] != "arn":
        return False
    name = rest.partition("/")[0]
    return name == bucket or any(sign in name for sign in "*?$")


def _malformed(message: str) -> S3ClientError:
    return S3ClientError("MalformedPolicy", message)
