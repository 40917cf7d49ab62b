"""What other services put into buckets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.s3.exceptions import MissingBucket

from localaws.s3.content import Content


def delivered(backend: Any, *, bucket: str, key: str, content: str, kind: str) -> None:
    """A service has written an object; where the bucket is gone, nothing is left of it."""
    try:
        made = backend.put_object(bucket, key, Content.parse(content))
    except MissingBucket:
        return
    made.set_metadata({"Content-Type": kind})


def removed(backend: Any, *, bucket: str, key: str) -> None:
    """A service has taken its object back."""
    try:
        backend.delete_object(bucket, key)
    except MissingBucket:
        return


SETTLEMENTS: dict[str, Callable[..., None]] = {"delivered": delivered, "removed": removed}
