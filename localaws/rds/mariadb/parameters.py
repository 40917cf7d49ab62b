"""Parameters of MariaDB's families: the server's own variables as RDS shows them."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from localaws.engines.mariadb import DENIED, OWN
from localaws.engines.mariaprograms import MariaBinaries, find_mariadb
from localaws.engines.mariatemplate import template_for
from localaws.rds.parameters import Parameter, evaluate

DEFAULTS = {
    "innodb_buffer_pool_size": "{DBInstanceClassMemory*3/4}",
    "max_connections": "{DBInstanceClassMemory/12582880}",
}
"""What RDS sets in a default parameter group (source `system`)."""
MODELLED = frozenset({"innodb_buffer_pool_size", "require_secure_transport"})
"""Accepted and shown as on RDS: the server keeps its own small value, and the endpoint looks after TLS."""
_KINDS = {"BOOLEAN": "boolean", "DOUBLE": "float", "ENUM": "string", "SET": "list", "FLAGSET": "string"}


def of_family(family: str) -> dict[str, Parameter] | None:
    """Every parameter of a MariaDB family by name; None where this machine has no MariaDB."""
    binaries = find_mariadb()
    return _parameters(binaries) if family.startswith("mariadb") and binaries else None


@functools.cache
def _parameters(binaries: MariaBinaries) -> dict[str, Parameter]:
    found = [_parameter(row) for row in template_for(binaries).variables]
    found.append(
        Parameter(
            "require_secure_transport",
            "boolean",
            "dynamic",
            "Whether client connections must use TLS.",
            "0,1",
            "0",
        )
    )
    return {each.name: each for each in sorted(found, key=lambda each: each.name)}


def _parameter(row: Mapping[str, str | None]) -> Parameter:
    name, kind = str(row["name"]), _KINDS.get(str(row["type"]), "string")
    allowed = row["values"] if kind in ("string", "list") else None
    if "INT" in str(row["type"]):
        kind = "integer"
    if kind in ("integer", "float"):
        allowed = f"{row['least']}-{row['most']}"
    elif kind == "boolean":
        allowed = "0,1"
    return Parameter(
        name=name,
        data_type=kind,
        apply_type="static" if row["fixed"] == "YES" else "dynamic",
        description=str(row["description"]),
        allowed=allowed,
        default=DEFAULTS.get(name),
        modifiable=name in MODELLED or not (name in OWN or DENIED.match(name)),
    )


def server_settings(values: Mapping[str, str], variables: Mapping[str, float]) -> dict[str, str]:
    """A server's configuration: RDS's defaults and the group's values, formulas worked out."""
    return {
        name: str(evaluate(value, variables)) if "{" in value else value
        for name, value in (DEFAULTS | dict(values)).items()
        if name not in MODELLED
    }


def forces_tls(values: Mapping[str, str], _version: str) -> bool:
    """Whether the endpoint refuses connections without TLS (`require_secure_transport`)."""
    return values.get("require_secure_transport", "0").upper() in ("1", "ON")
