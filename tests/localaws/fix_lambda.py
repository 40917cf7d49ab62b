"""Functions of a learner's, made from source."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any


def zipped(source: str) -> bytes:
    """A deployment package with one module."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("lambda_function.py", source)
    return output.getvalue()


def role(aws: Any) -> str:
    """ARN of a role that functions run with."""
    iam = aws.client("iam")
    if not any(each["RoleName"] == "functions" for each in iam.list_roles()["Roles"]):
        iam.create_role(RoleName="functions", AssumeRolePolicyDocument=json.dumps({"Statement": []}))
    arn: str = iam.get_role(RoleName="functions")["Role"]["Arn"]
    return arn


def function(aws: Any, name: str, source: str, **options: Any) -> str:
    """Create a function and return its ARN."""
    made: dict[str, Any] = aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role(aws),
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": zipped(source)},
        **options,
    )
    arn: str = made["FunctionArn"]
    return arn
