"""S3's model: moto's, whose objects refer to files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import moto.s3.models as base
from moto.s3.exceptions import InvalidBucketName, NoSuchUpload
from moto.s3.urls import url_bases, url_paths

from localaws.s3 import policies
from localaws.s3.keys import Key, Multipart
from localaws.s3.view import View

NAME = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""General purpose bucket naming rules."""


def install() -> None:
    """Have moto make our objects and uploads wherever it makes its own."""
    base.FakeKey = Key
    base.FakeMultipart = Multipart
    base.s3_backends.backend = S3Backend


class S3Backend(base.S3Backend):
    """S3 in one account and partition."""

    @property
    def _url_module(self) -> Any:
        from localaws.s3.responses import S3Response

        paths = {path: getattr(S3Response, handler.__name__) for path, handler in url_paths.items()}
        return SimpleNamespace(url_bases=url_bases, url_paths=paths)

    def create_bucket(self, bucket_name: str, *args: Any, **kwargs: Any) -> Any:
        """CreateBucket."""
        if not NAME.fullmatch(bucket_name):
            raise InvalidBucketName
        return super().create_bucket(bucket_name, *args, **kwargs)

    def put_bucket_policy(self, bucket_name: str, policy: bytes) -> None:
        """PutBucketPolicy."""
        bucket = self.get_bucket(bucket_name)
        policies.check(bucket.name, policy)
        super().put_bucket_policy(bucket_name, policy)

    def copy_object(self, src_key: Key, *args: Any, **kwargs: Any) -> None:
        """CopyObject: both objects refer to the same bytes."""
        super().copy_object(View(src_key), *args, **kwargs)

    def upload_part(self, bucket_name: str, multipart_id: str, part_id: int, value: bytes) -> Any:
        """UploadPart."""
        self._check_upload(bucket_name, multipart_id)
        return super().upload_part(bucket_name, multipart_id, part_id, value)

    def upload_part_copy(
        self,
        dest_bucket_name: str,
        multipart_id: str,
        part_id: int,
        src_bucket_name: str,
        src_key_name: str,
        src_version_id: str | None,
        start_byte: int | None,
        end_byte: int | None,
    ) -> Any:
        """UploadPartCopy: the part refers to a range of the source."""
        self._check_upload(dest_bucket_name, multipart_id)
        source: Any = self.get_object(src_bucket_name, src_key_name, version_id=src_version_id)
        end = None if end_byte is None else end_byte + 1
        part = source.content[start_byte:end]
        return self.get_bucket(dest_bucket_name).multiparts[multipart_id].set_part(part_id, part)

    def complete_multipart_upload(
        self, bucket_name: str, multipart_id: str, body: Iterator[tuple[int, str]]
    ) -> Any:
        """CompleteMultipartUpload."""
        self._check_upload(bucket_name, multipart_id)
        return super().complete_multipart_upload(bucket_name, multipart_id, body)

    def _check_upload(self, bucket_name: str, multipart_id: str) -> None:
        if multipart_id not in self.get_bucket(bucket_name).multiparts:
            raise NoSuchUpload(upload_id=multipart_id)
