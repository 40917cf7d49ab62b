"""What part a PostgreSQL server plays: whom it follows, who must confirm its commits, where its WAL is kept.

Kept in `<home>/role.json` and written to `<data>/role.conf` at each start, apart from the caller's settings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from localaws.engines import configuration
from localaws.engines.account import Account
from localaws.engines.rights import ADMIN

FILE = "role.json"
PASSWORDS = "passfile"
STANDBY_SIGNAL = "standby.signal"
ARCHIVE_TIMEOUT = "30s"
"""How often a busy database finishes a WAL file; an idle one finishes none."""


@dataclass(frozen=True)
class Upstream:
    """The server that a standby receives from.

    `link`: the folder of the source's socket, or a symbolic link to it, followed at each reconnection (see
    `standby.point`). `name`: what the source calls this standby (application_name). `archive`: the source's
    archive folder, which fills the gaps that streaming cannot.
    """

    link: Path
    name: str
    archive: Path | None = None


@dataclass(frozen=True)
class Role:
    """The part a server plays."""

    upstream: Upstream | None = None
    synchronous: tuple[str, ...] = ()
    archive: Path | None = None
    target: str | None = None
    """The moment at which a replay ends, as PostgreSQL writes one."""

    @classmethod
    def load(cls, home: Path) -> Role:
        """Read a home's role; one without its file is a primary on its own."""
        try:
            found: dict[str, Any] = json.loads((home / FILE).read_text())
        except FileNotFoundError:
            return cls()
        upstream, archive = found["upstream"], found["archive"]
        return cls(
            upstream=upstream and Upstream(Path(upstream[0]), upstream[1], upstream[2] and Path(upstream[2])),
            synchronous=tuple(found["synchronous"]),
            archive=archive and Path(archive),
            target=found["target"],
        )

    def store(self, home: Path, *, durable: bool) -> None:
        """Write it to a home, durably."""
        upstream = self.upstream
        content = {
            "upstream": upstream and [str(upstream.link), upstream.name, _text(upstream.archive)],
            "synchronous": self.synchronous,
            "archive": _text(self.archive),
            "target": self.target,
        }
        configuration.replace(home / FILE, json.dumps(content), None, durable=durable)

    def alone(self) -> Role:
        """Return the part of a server that has become a primary."""
        return replace(self, upstream=None, target=None, synchronous=())

    def settings(self, home: Path, *, durable: bool) -> dict[str, str]:
        """Return the settings that the role demands."""
        source = self.upstream.archive if self.upstream is not None else None
        return {
            "archive_command": "true"
            if self.archive is None
            else archive_command(self.archive, durable=durable),
            "archive_timeout": "0" if self.archive is None else ARCHIVE_TIMEOUT,
            "hot_standby": "on",
            "primary_conninfo": "" if self.upstream is None else _conninfo(self.upstream, home),
            "restore_command": "" if source is None else restore_command(source),
            "recovery_target_action": "promote",
            "recovery_target_inclusive": "on",
            "recovery_target_time": self.target or "",
            "recovery_target_timeline": "latest",
            "synchronous_standby_names": _synchronous_names(self.synchronous),
        }


def write(
    role: Role, home: Path, account: Account | None, *, durable: bool, floors: Mapping[str, int] | None = None
) -> None:
    """Write the role's part of the configuration, and the password file that its connection needs.

    `floors`: what the source of a standby has, below which its own settings must not be.
    """
    values = role.settings(home, durable=durable)
    values |= {name: str(value) for name, value in (floors or {}).items()}
    configuration.write_part(home / "data" / configuration.ROLE_FILE, values, account)
    if role.upstream is not None:
        password = (home / "admin").read_text()
        configuration.replace(home / PASSWORDS, f"*:*:*:{ADMIN}:{password}\n", account)


def become_standby(data: Path, account: Account | None) -> None:
    """Have a stopped cluster start as a standby."""
    configuration.replace(data / STANDBY_SIGNAL, "", account)


def archive_command(folder: Path, *, durable: bool) -> str:
    """Return the command that copies a WAL file, whole or not at all; the same file twice is fine."""
    place = _quoted(folder)
    target, unfinished = f"{place}/%f", f"{place}/.%f.$$"
    keep = f" && sync {unfinished}" if durable else ""
    settle = f" && sync {place}" if durable else ""
    return (
        f"if [ -e {target} ]; then cmp -s %p {target}; "
        f"else cp %p {unfinished}{keep} && mv {unfinished} {target}{settle}; fi"
    )


def restore_command(folder: Path) -> str:
    """Return the command that fetches a WAL file from an archive."""
    return f"cp {_quoted(folder)}/%f %p"


def _quoted(folder: Path) -> str:
    """Quote a folder for the shell, inside a command in which PostgreSQL replaces `%`."""
    return "'" + str(folder).replace("'", "'\\''").replace("%", "%%") + "'"


def _conninfo(upstream: Upstream, home: Path) -> str:
    words = {
        "host": str(upstream.link),
        "port": "5432",
        "user": ADMIN,
        # the text of this setting can be read by members of pg_monitor
        "passfile": str(home / PASSWORDS),
        "application_name": upstream.name,
        "connect_timeout": "5",
        "channel_binding": "disable",
    }
    quote = str.maketrans({"\\": "\\\\", "'": "\\'"})
    return " ".join(f"{name}='{value.translate(quote)}'" for name, value in words.items())


def _synchronous_names(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    return f"FIRST {len(names)} ({quoted})"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def is_standby(home: Path) -> bool:
    """Whether the cluster in a home is a standby (from files: works when stopped)."""
    return (home / "data" / STANDBY_SIGNAL).exists()
