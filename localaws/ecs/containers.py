"""A container as a process: its program, its environment, its secrets, its log.

AWS: "Pass sensitive data to an Amazon ECS container"; "Send Amazon ECS logs to CloudWatch".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DRIVER = "awslogs"


class CannotStart(Exception):
    """A task cannot be started; the text is its stoppedReason."""


@dataclass(frozen=True)
class Stream:
    """Where a container's output goes in CloudWatch Logs."""

    region: str
    group: str
    name: str
    create: bool


@dataclass(frozen=True)
class Plan:
    """How a container is to be run."""

    name: str
    argv: list[str]
    environment: dict[str, str]
    secrets: dict[str, str]
    """What the variables are to be taken from: ARNs, or a parameter's name."""
    directory: str | None
    stop_timeout: float
    essential: bool
    stream: Stream | None


def plans(definition: Any, overrides: dict[str, Any], task_id: str, region: str) -> list[Plan]:
    """Return the plans of a task's containers."""
    changed = {each["name"]: each for each in overrides.get("containerOverrides") or []}
    found = []
    for each in definition.container_definitions:
        override = changed.get(each["name"], {})
        given = [*(each.get("environment") or []), *(override.get("environment") or [])]
        command = override.get("command") or each.get("command") or []
        found.append(
            Plan(
                name=each["name"],
                argv=[*(each.get("entryPoint") or []), *command],
                environment={pair["name"]: str(pair["value"]) for pair in given},
                secrets={secret["name"]: secret["valueFrom"] for secret in each.get("secrets") or []},
                directory=each.get("workingDirectory"),
                stop_timeout=float(each.get("stopTimeout") or 30),
                essential=bool(each.get("essential", True)),
                stream=_stream(each, task_id, region),
            )
        )
    return found


def _stream(container: dict[str, Any], task_id: str, region: str) -> Stream | None:
    configuration = container.get("logConfiguration") or {}
    if configuration.get("logDriver") != DRIVER:
        return None
    options = configuration.get("options") or {}
    group, prefix = options.get("awslogs-group"), options.get("awslogs-stream-prefix")
    if not group or not prefix:
        raise CannotStart(
            "ResourceInitializationError: failed to validate logger args: awslogs-group and "
            "awslogs-stream-prefix are required."
        )
    create = str(options.get("awslogs-create-group", "")).lower() == "true"
    name = f"{prefix}/{container['name']}/{task_id}"
    return Stream(options.get("awslogs-region") or region, group, name, create)


def resolve(secrets: dict[str, str], where: Mapping[str, Any]) -> dict[str, str]:
    """Read secrets with the task's execution role; `where` are the arguments of its clients."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    values = {}
    for name, source in secrets.items():
        try:
            if ":secretsmanager:" in source:
                values[name] = _secret(boto3.client("secretsmanager", **where), source)
            else:
                parameter = source.partition(":parameter")[2] or source
                shown = boto3.client("ssm", **where).get_parameter(Name=parameter, WithDecryption=True)
                values[name] = str(shown["Parameter"]["Value"])
        except (BotoCoreError, ClientError, KeyError, ValueError) as error:
            raise CannotStart(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
                f"retrieval failed: unable to retrieve secret {source}: {error}"
            ) from error
    return values


def _secret(client: Any, source: str) -> str:
    """Read a secret by its ARN, which a JSON key, a stage and a version may follow."""
    parts = source.split(":")
    key, stage, version = [*parts[7:10], "", "", ""][:3]
    options = {"VersionStage": stage} if stage else {}
    options |= {"VersionId": version} if version else {}
    value = client.get_secret_value(SecretId=":".join(parts[:7]), **options)["SecretString"]
    return str(json.loads(value)[key]) if key else str(value)
