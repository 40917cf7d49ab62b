"""An object's bytes as the model knows them: a reference to a file of the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

from localaws.s3 import store


@dataclass(frozen=True)
class Content:
    """A range of a stored file; `parts` names the files of the uploaded parts that were joined into it."""

    id: str
    size: int
    md5: str
    offset: int = 0
    digests: dict[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.size

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, part: slice) -> Content:
        begin, end, _ = part.indices(self.size)
        size = max(0, end - begin)
        return replace(self, offset=self.offset + begin, size=size, md5="", digests={}, parts=())

    def read(self) -> bytes:
        """Return the bytes."""
        return store.current().read(self.id, self.offset, self.size)

    @property
    def is_large(self) -> bool:
        """Whether the bytes should not be held in memory."""
        return self.size > store.PIECE

    def stream(self) -> Iterator[bytes]:
        """Return the bytes, a megabyte at a time."""
        return store.current().pieces(self.id, self.offset, self.size)

    def written(self) -> str:
        """Return it as one line, for a request's header and a settlement's argument."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def parse(cls, line: str) -> Content:
        """Return what `written` wrote."""
        fields = json.loads(line)
        return cls(**fields | {"parts": tuple(fields["parts"])})
