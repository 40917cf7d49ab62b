"""A pytest plugin that isolates tests, and corrects what moto lets them ask for and AWS refuses.

It is loaded on its own, beside moto's tests: it imports nothing of this project.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core.models import ServerModeMockAWS

RETIRED = re.compile(r"db\.(m1|m3|m4|r3|r4|t1|t2)\.")
CREATED = ("CreateDBInstance", "CreateDBCluster", "RestoreDBClusterFromS3")


def correct(operation: str, request: dict[str, Any]) -> None:
    """Change the request to one that AWS accepts, each time for a rule of AWS's own."""
    if RETIRED.match(request.get("DBInstanceClass", "")):
        # "DB instance classes": previous generations cannot be created any more
        request["DBInstanceClass"] = "db.t3.medium"
    if operation == "CreateDBInstance":
        _correct_instance(request)
    if operation in CREATED and not _is_member(request):
        # required, unless a secret or a source brings them
        request.setdefault("MasterUsername", "root")
        if not request.get("ManageMasterUserPassword"):
            request.setdefault("MasterUserPassword", "hunter2hunter2")
    if operation.startswith("Modify") and request.get("ManageMasterUserPassword") is False:
        # nobody would know the master's password
        request.setdefault("MasterUserPassword", "hunter2hunter2")
    if len(request.get("MasterUserPassword", "x" * 8)) < 8:
        # 8 to 128 characters
        request["MasterUserPassword"] = "hunter2hunter2"
    if operation.startswith("CreateDBParameterGroup"):
        _correct_family(request)


def _is_member(request: dict[str, Any]) -> bool:
    return "DBInstanceIdentifier" in request and "DBClusterIdentifier" in request


def _correct_instance(request: dict[str, Any]) -> None:
    if not _is_member(request) and request.get("Engine") in ("postgres", "mysql"):
        # gp2 and gp3 begin at 20 GiB
        request["AllocatedStorage"] = max(20, request.get("AllocatedStorage", 20))
        # EC2-Classic has ended: there are no DB security groups
        request.pop("DBSecurityGroups", None)
    if request.get("Engine") == "postgres":
        # the licence is PostgreSQL's, and names hold letters, digits and underscores
        request.pop("LicenseModel", None)
        if "DBName" in request:
            request["DBName"] = request["DBName"].replace("-", "_")
    if _is_member(request):
        # these are the cluster's
        for name in ("MasterUsername", "MasterUserPassword", "DBName", "AllocatedStorage"):
            request.pop(name, None)


def _correct_family(request: dict[str, Any]) -> None:
    if request.get("DBParameterGroupFamily") in ("mysql5.6", "postgres"):
        # a family names an engine and a major version that is still offered
        request["DBParameterGroupFamily"] = "mysql8.0"


@pytest.fixture(scope="class", autouse=True)
def fresh() -> None:
    """Have moto empty the account for each test or class, even if the one before never took its mock away."""
    ServerModeMockAWS._nested_count = 0


@pytest.fixture(autouse=True)
def corrected() -> Iterator[None]:
    """Correct every request of the test, if that is wanted."""
    if "SUITE_TESTS" not in os.environ:
        yield
        return

    def changed(params: dict[str, Any], model: Any, **_: Any) -> None:
        correct(model.name, params)

    boto3.DEFAULT_SESSION = None
    boto3.setup_default_session()
    boto3.DEFAULT_SESSION.events.register("provide-client-params.rds.*", changed)  # type: ignore[attr-defined]
    yield
    boto3.DEFAULT_SESSION = None


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Keep the tests that are named in the file of SUITE_TESTS, if there is one."""
    if "SUITE_TESTS" not in os.environ:
        return
    wanted = set(Path(os.environ["SUITE_TESTS"]).read_text().split("\n"))
    kept = [item for item in items if name(item.nodeid) in wanted]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def name(nodeid: str) -> str:
    """Return a test's name as pytest's report in XML has it."""
    path, bracket, parameters = nodeid.partition("[")
    dotted = path.replace(".py::", ".").replace("::", ".").replace("/", ".").removeprefix("tests.")
    return dotted + bracket + parameters
