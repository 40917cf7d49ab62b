"""What becomes of a query: its state, its result and its changes of the catalog, all at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends
from moto.utilities.utils import get_partition

from localaws.athena.catalog import backend as glue
from localaws.athena.models import ENDED, Execution
from localaws.s3.content import Content


def running(backend: Any, *, id: str) -> None:
    """The engine has taken the query up."""
    execution = _execution(backend, id)
    if execution is not None and execution.status == "QUEUED":
        execution.status, execution.began = "RUNNING", time.time()


def succeeded(
    backend: Any,
    *,
    id: str,
    facts: dict[str, Any],
    objects: list[list[str]],
    changes: list[list[Any]],
) -> None:
    """The query has ended well: `objects` are bucket, key and content."""
    execution = _execution(backend, id)
    if execution is None or execution.status in ENDED:
        return
    catalog = glue(backend.account_id, backend.region_name)
    for method, *arguments in changes:
        getattr(catalog, method)(*arguments)
    for bucket, key, content in objects:
        put(backend, bucket, key, Content.parse(content))
    for name, value in facts.items():
        setattr(execution, name, value)
    execution.status, execution.ended = "SUCCEEDED", time.time()


def put(backend: Any, bucket: str, key: str, content: Content) -> None:
    """Put an object where the query writes; a bucket that is gone meanwhile gets nothing."""
    home = s3_backends[backend.account_id][get_partition(backend.region_name)]
    try:
        home.put_object(bucket, key, content)
    except MissingBucket:
        return


def failed(backend: Any, *, id: str, status: str, reason: str, scanned: int = 0) -> None:
    """The query has ended otherwise."""
    execution = _execution(backend, id)
    if execution is None or execution.status in ENDED:
        return
    execution.status, execution.reason, execution.ended = status, reason, time.time()
    execution.scanned = scanned


def _execution(backend: Any, name: str) -> Execution | None:
    found: Execution | None = backend.executions.get(name)
    return found


SETTLEMENTS: dict[str, Callable[..., None]] = {"running": running, "succeeded": succeeded, "failed": failed}
