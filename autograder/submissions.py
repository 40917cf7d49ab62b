"""Submitted folders: what may be taken from them, and what is refused before anything is copied."""

import fnmatch
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

LOG = logging.getLogger("autograder")
EMPTY_NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n'
LARGEST_FILE = 10 << 20
LARGEST_FOLDER = 50 << 20


def refuse_links(*, notebooks: Sequence[str], **_: str) -> None:
    """Take links out of a submission before nbgrader copies what they point at.

    nbgrader's pre-convert hook. A link may lead to the instructor's solutions or to another submission; a
    linked notebook becomes an empty one.
    """
    for folder in {Path(notebook).parent for notebook in notebooks}:
        for path in _everything(folder):
            if path.is_symlink():
                LOG.warning("%s is a link to %s: removed", path, path.readlink())
                path.unlink()
                if path.suffix == ".ipynb":
                    path.write_text(EMPTY_NOTEBOOK, encoding="utf-8")


def stage(sources: Sequence[Path], folder: Path, ignore: Sequence[str]) -> list[Path]:
    """Copy the folders' plain files (no notebooks, no links) into `folder`; returns everything made there."""
    made: list[Path] = []
    room = LARGEST_FOLDER
    for source in sources:
        for path in _everything(source):
            names = path.relative_to(source).parts
            ignored = any(
                fnmatch.fnmatch(name, pattern) for name in names for pattern in (*ignore, "*.ipynb")
            )
            if ignored or path.is_symlink() or not path.is_file():
                continue
            size = path.stat().st_size
            if size > min(LARGEST_FILE, room):
                LOG.warning("%s has %d bytes: left out", path, size)
                continue
            room -= size
            target = folder / path.relative_to(source)
            missing = [
                parent for parent in target.relative_to(folder).parents if not (folder / parent).exists()
            ]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            made += [target, *(folder / parent for parent in missing)]
    return made


def _everything(folder: Path) -> list[Path]:
    # os.walk does not follow links to folders, and lists them with the folders
    found = [Path(top) / name for top, folders, files in os.walk(folder) for name in (*folders, *files)]
    return sorted(found)
