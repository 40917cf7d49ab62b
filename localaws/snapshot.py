"""The snapshot: the whole model on disk, complete or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from localaws.errors import RestoreFailed

MANIFEST = "manifest.json"


class Snapshots:
    """The newest complete snapshot: a manifest that names one file for each group of services."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._folder = folder
        self._durable = durable
        self._manifest: dict[str, Any] = {"generation": 0, "journal": 1, "groups": {}}

    def load(self) -> tuple[int, dict[str, bytes]]:
        """Return the first journal segment to replay and the pickles by group."""
        manifest = self._folder / MANIFEST
        if manifest.exists():
            self._manifest = json.loads(manifest.read_text())
        try:
            groups = {group: (self._folder / name).read_bytes() for group, name in self._groups.items()}
        except FileNotFoundError as error:
            raise RestoreFailed(
                f"The snapshot lacks {error.filename}. Restore the state folder from a backup, or run "
                "`localaws reset` to start afresh."
            ) from error
        return int(self._manifest["journal"]), groups

    @property
    def _groups(self) -> dict[str, str]:
        groups: dict[str, str] = self._manifest["groups"]
        return groups

    def save(self, journal: int, changed: dict[str, bytes]) -> None:
        """Store `changed` groups beside the unchanged; journal segment `journal` follows this snapshot."""
        generation = int(self._manifest["generation"]) + 1
        names = {group: f"{group}-{generation}.pickle" for group in changed}
        for group, blob in changed.items():
            self._write(self._folder / names[group], blob)
        self._manifest = {"generation": generation, "journal": journal, "groups": {**self._groups, **names}}
        self._write(self._folder / f"{MANIFEST}.new", json.dumps(self._manifest).encode())
        (self._folder / f"{MANIFEST}.new").replace(self._folder / MANIFEST)
        self._sync_folder()
        current = set(self._groups.values())
        for path in self._folder.glob("*.pickle"):
            if path.name not in current:
                path.unlink()

    def _write(self, path: Path, content: bytes) -> None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            if self._durable:
                os.fsync(stream.fileno())

    def _sync_folder(self) -> None:
        if self._durable:
            handle = os.open(self._folder, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
