"""An object as moto's own code may pass it on: its value is the reference, so that nobody reads the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.s3.content import Content
    from localaws.s3.keys import Key


class View:
    """A Key in all but its value."""

    def __init__(self, key: Key) -> None:
        self._key = key

    @property
    def value(self) -> Content:
        """The reference to the bytes."""
        return self._key.content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)
