"""The operating-system account that database servers run under: root hands them to an unprivileged one."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from localaws.errors import LocalawsError

SHARED = Path("/var/lib/localaws")
"""Where root keeps what the unprivileged account must reach, when it cannot reach the place it comes from."""


class AccountMissing(LocalawsError):
    """The account that should run the servers does not exist."""


@dataclass(frozen=True)
class Account:
    """An unprivileged account of this machine."""

    name: str
    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Give a file or folder to the account."""
        os.chown(path, self.uid, self.gid)

    def may_enter(self, path: Path) -> bool:
        """Whether the account can reach a file: every folder on the way lets it through."""
        resolved = path.resolve()
        return self.may_pass(resolved.parent) and self._passes(resolved.stat(), stat.S_IROTH)

    def may_pass(self, folder: Path) -> bool:
        """Whether the account may go through a folder and all those above it."""
        return all(self._passes(part.stat(), stat.S_IXOTH) for part in (folder, *folder.parents))

    def _passes(self, found: os.stat_result, other: int) -> bool:
        if found.st_uid == self.uid:
            return bool(found.st_mode & (other << 6))
        if found.st_gid == self.gid:
            return bool(found.st_mode & (other << 3))
        return bool(found.st_mode & other)


def engine_account() -> Account | None:
    """Return the account to drop to, or None when this process is not root and may run servers itself."""
    if os.geteuid() != 0:
        return None
    name = os.environ.get("LOCALAWS_ENGINE_USER", "nobody")
    try:
        found = pwd.getpwnam(name)
    except KeyError as error:
        raise AccountMissing(
            f"PostgreSQL refuses to run as root and there is no account {name!r} to run it under: "
            "create it, or name another one in LOCALAWS_ENGINE_USER"
        ) from error
    if found.pw_uid == 0:
        raise AccountMissing("LOCALAWS_ENGINE_USER names root: PostgreSQL needs an unprivileged account")
    return Account(name, found.pw_uid, grp.getgrgid(found.pw_gid).gr_gid)


def shared_folder(name: str = "") -> Path:
    """Make a folder under SHARED that every account may pass, whatever the umask."""
    for folder in (SHARED, SHARED / name):
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
    return SHARED / name


def private_folder(path: Path, account: Account | None = None) -> Path:
    """Make a folder that only its owner enters, and give it to the account."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    if account is not None:
        account.own(path)
    return path
