"""Objects for the other services: what lies in a bucket, where its bytes are, and putting something there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.bridge import backends
from localaws.s3 import store
from localaws.s3.content import Content

if TYPE_CHECKING:
    from localaws.control import ControlPlane


@dataclass(frozen=True)
class Object:
    """The newest version of an object; its file may go away as soon as the object does."""

    bucket: str
    key: str
    size: int
    etag: str
    modified: datetime
    path: Path


def bucket_exists(account: str, bucket: str) -> bool:
    """Whether the account has this bucket."""
    return _bucket(account, bucket) is not None


def path_of(account: str, bucket: str, key: str) -> Path | None:
    """Return the file with an object's bytes, or None when there is no such object."""
    found = _bucket(account, bucket)
    made = None if found is None else _object(bucket, key, found.keys.get(key))
    return None if made is None else made.path


def listing(account: str, bucket: str, prefix: str = "") -> Iterator[Object]:
    """Yield the objects whose keys begin with `prefix`, in the order of keys; hold the control's lock."""
    found = _bucket(account, bucket)
    names = sorted(dict(found.keys)) if found is not None else []
    for name in names:
        made = _object(bucket, name, found.keys.get(name)) if name.startswith(prefix) else None
        if made is not None:
            yield made


def put(
    control: ControlPlane,
    account: str,
    bucket: str,
    key: str,
    data: bytes | Path,
    *,
    kind: str = "binary/octet-stream",
) -> bool:
    """Put an object, as AWS's services do; a file is moved into the store. False when the bucket is gone."""
    home = _home(account, bucket)
    if home is None:
        return False
    content = content_of(data)
    try:
        control.settle(
            "s3", home[0], home[1], "delivered", bucket=bucket, key=key, content=content.written(), kind=kind
        )
    finally:
        store.current().release(content.id)
    return True


def remove(control: ControlPlane, account: str, bucket: str, key: str) -> None:
    """Delete an object, as AWS's services do with what they have put."""
    home = _home(account, bucket)
    if home is not None:
        control.settle("s3", home[0], home[1], "removed", bucket=bucket, key=key)


def content_of(data: bytes | Path) -> Content:
    """Take bytes or a file into the store; the caller releases the name once something refers to it."""
    md5 = hashlib.md5(usedforsecurity=False)
    if isinstance(data, bytes):
        return Content(store.current().write([data], [md5]), len(data), md5.hexdigest())
    with data.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: md5).hexdigest()
    size = data.stat().st_size
    return Content(store.current().adopt(data), size, digest)


def _object(bucket: str, name: str, key: Any) -> Object | None:
    content: Content | None = getattr(key, "content", None)
    if content is None:
        return None
    return Object(bucket, name, key.size, key.etag, key.last_modified, store.current().path(content.id))


def _home(account: str, bucket: str) -> tuple[str, str] | None:
    """Return the account and partition that have the bucket: the account's own, else whoever shares it."""
    homes = [
        (owner, partition)
        for owner, partition, backend in backends.existing("s3")
        if bucket in backend.buckets
    ]
    return next((home for home in homes if home[0] == account), homes[0] if homes else None)


def _bucket(account: str, bucket: str) -> Any:
    home = _home(account, bucket)
    return None if home is None else backends.load("s3")[home[0]][home[1]].buckets[bucket]
