"""A cluster copied ahead of time: the next database only has to take it over."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from localaws.engines.account import Account, engine_account, private_folder
from localaws.engines.binaries import PostgresBinaries
from localaws.engines.cluster import copy_tree, make_durable
from localaws.engines.spread import spread
from localaws.engines.template import Template, template_for

_COPYING = threading.Lock()
"""Held while a spare is made: whoever needs one then waits for it instead of copying a second time."""


def prepare(root: Path, binaries: PostgresBinaries, *, durable: bool) -> None:
    """Have a spare cluster of these binaries in the engines' folder."""
    template = template_for(binaries)
    with _COPYING:
        spare = _place(root, template)
        if _whole(spare):
            return
        for old in root.glob("spare-*"):
            shutil.rmtree(old)
        spread(root)
        account = engine_account()
        unfinished = private_folder(spare.with_suffix(".unfinished"), account)
        copy_tree(template.data, unfinished / "data", account)
        if durable:
            make_durable(unfinished)
        unfinished.rename(spare)


def is_ready(root: Path, binaries: PostgresBinaries) -> bool:
    """Whether a spare cluster waits."""
    return _whole(_place(root, template_for(binaries)))


def take(root: Path, template: Template, data: Path, account: Account | None) -> None:
    """Make `data` a cluster from the spare one, or from the template when there is none."""
    with _COPYING:
        spare = _place(root, template)
        if _whole(spare):
            (spare / "data").rename(data)
            spare.rmdir()
            return
    copy_tree(template.data, data, account)


def _whole(spare: Path) -> bool:
    """Whether a spare is there; one whose cluster was taken as the process died is empty."""
    return (spare / "data").exists()


def _place(root: Path, template: Template) -> Path:
    return root / f"spare-{template.folder.name}"
