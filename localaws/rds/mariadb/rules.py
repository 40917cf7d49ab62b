"""What localaws does not offer for MariaDB, and says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.rds import faults

ENGINE = "mariadb"
_UNOFFERED = {
    "multi_az": "Multi-AZ deployments",
    "enable_iam_database_authentication": "IAM database authentication",
}


def check_request(engine: str, request: Mapping[str, Any]) -> None:
    """Refuse what would only be said to be there."""
    for name, what in _UNOFFERED.items():
        if engine == ENGINE and request.get(name):
            raise _refused(what)


def check_source(engine: str, what: str) -> None:
    """Refuse an operation on an instance or snapshot of MariaDB."""
    if engine == ENGINE:
        raise _refused(what)


def _refused(what: str) -> Exception:
    return faults.combination(
        f"localaws does not offer {what} for MariaDB. Use engine postgres for that: there it is real."
    )
