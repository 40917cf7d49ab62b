"""S3's API: moto's, whose uploads and downloads pass by reference."""

from __future__ import annotations

import itertools
from typing import Any

from moto.s3.exceptions import InvalidPartOrder
from moto.s3.responses import S3Response as Base

from localaws.s3.content import Content
from localaws.s3.intake import REFERENCE
from localaws.s3.keys import CONTENT
from localaws.s3.view import View

Response = tuple[int, dict[str, Any], Any]


class S3Response(Base):
    """S3's operations."""

    def setup_class(self, request: Any, full_url: str | None = None, headers: Any = None) -> None:
        super().setup_class(request, full_url, headers)
        line = request.headers.get(REFERENCE)
        content = Content.parse(line) if line else None
        CONTENT.set(content)
        if content is not None and request.method == "PUT":
            self.body: Any = content

    def _get_key(self, validate_storage_class: bool = True) -> tuple[Any, bool]:
        key, not_modified = super()._get_key(validate_storage_class)
        return View(key), not_modified

    def get_object(self) -> Any:
        part_number = self._get_int_param("partNumber")
        if not part_number:
            return super().get_object()
        key, _ = self._get_key()
        if not key.multipart:
            return super().get_object()
        status, headers, content = super().get_object()
        return self._one_part(key, part_number, status, headers, content)

    def _one_part(
        self, key: Any, number: int, status: int, headers: dict[str, Any], content: Any
    ) -> Response:
        from moto.s3.exceptions import RangeNotSatisfiable

        numbers = key.multipart.partlist
        if status != 200:
            return status, headers, content
        if number > len(numbers):
            raise RangeNotSatisfiable
        sizes = [key.multipart.parts[each].size for each in numbers]
        begin, size = sum(sizes[: number - 1]), sizes[number - 1]
        headers |= {
            "content-range": f"bytes {begin}-{begin + size - 1}/{key.size}",
            "content-length": str(size),
            "x-amz-mp-parts-count": str(len(numbers)),
        }
        return 206, headers, content[begin : begin + size]

    def _get_checksum(self, response_headers: dict[str, Any]) -> tuple[str, str | None]:
        content = CONTENT.get()
        if content is None or not content.digests:
            return "", None
        algorithm, value = next(iter(content.digests.items()))
        response_headers[f"x-amz-checksum-{algorithm.lower()}"] = value
        response_headers["x-amz-checksum-type"] = "FULL_OBJECT"
        return algorithm, value

    def _complete_multipart_body(self, body: bytes) -> Any:
        parts = list(super()._complete_multipart_body(body))
        if any(here[0] >= there[0] for here, there in itertools.pairwise(parts)):
            raise InvalidPartOrder
        return iter(parts)
