"""Rules of task definitions for Fargate.

AWS: "Amazon ECS task definition differences for Fargate".
"""

from __future__ import annotations

from typing import Any

from moto.ecs.exceptions import EcsClientException, InvalidParameterException

MEMORY = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4097, 1024)),
    1024: tuple(range(2048, 8193, 1024)),
    2048: tuple(range(4096, 16385, 1024)),
    4096: tuple(range(8192, 30721, 1024)),
    8192: tuple(range(16384, 61441, 4096)),
    16384: tuple(range(32768, 122881, 8192)),
}
"""The sizes of memory in MiB that a task with so many CPU units may have."""
DRIVERS = frozenset({"awslogs", "none"})


def check(containers: list[dict[str, Any]], options: dict[str, Any]) -> None:
    """Raise AWS's error for a definition that Fargate would not take."""
    names = [each.get("name") for each in containers]
    if len(set(names)) != len(names):
        raise EcsClientException("Container names must be unique within a task definition.")
    if containers and not any(each.get("essential", True) for each in containers):
        raise EcsClientException("At least one container must be marked essential.")
    if "FARGATE" not in (options.get("requires_compatibilities") or []):
        return
    if options.get("network_mode") not in (None, "awsvpc"):
        raise EcsClientException("Fargate only supports network mode 'awsvpc'.")
    cpu, memory = str(options.get("cpu") or ""), str(options.get("memory") or "")
    if not (cpu.isdigit() and memory.isdigit() and int(memory) in MEMORY.get(int(cpu), ())):
        raise EcsClientException("No Fargate configuration exists for given values.")
    logs = [(each.get("logConfiguration") or {}).get("logDriver", "none") for each in containers]
    if "awslogs" in logs and not options.get("execution_role_arn"):
        raise EcsClientException(
            "Fargate requires task definition to have execution role ARN to support log driver awslogs."
        )
    for driver in logs:
        if driver not in DRIVERS:
            raise EcsClientException(f"The log driver {driver} is not run by this local AWS. Use awslogs.")


def check_overrides(definition: Any, overrides: dict[str, Any]) -> None:
    """Raise AWS's error for an override of a container that there is not."""
    names = {each["name"] for each in definition.container_definitions}
    for each in overrides.get("containerOverrides") or []:
        if each.get("name") not in names:
            raise InvalidParameterException(
                f"Override for container named {each.get('name')} is not a container in the TaskDefinition."
            )
