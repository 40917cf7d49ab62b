"""The configuration of a PostgreSQL server: defaults, the caller's settings, and what stays ours."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from localaws.engines.account import Account
from localaws.engines.rights import ADMIN

ROLE_FILE = "role.conf"
LOG_NAME = "postgresql.log.%Y-%m-%d-%H"
DEFAULTS = {
    "max_connections": "60",
    "wal_level": "replica",
    "max_wal_size": "512MB",
    "wal_keep_size": "32MB",
    "min_wal_size": "8MB",
    "timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "datestyle": "iso, mdy",
    "default_text_search_config": "pg_catalog.english",
    "max_parallel_maintenance_workers": "0",
}
"""What a new server starts with; a caller's setting replaces it."""
OWN = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "16MB",
    "huge_pages": "off",
    "dynamic_shared_memory_type": "mmap",
    "ssl": "off",
    "logging_collector": "on",
    "log_destination": "stderr",
    "log_filename": LOG_NAME,
    "log_file_mode": "0600",
    "log_rotation_age": "60",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "off",
    "log_line_prefix": "%t:%r:%u@%d:[%p]:",
    "log_timezone": "UTC",
    "archive_mode": "always",
    "wal_log_hints": "on",
    "wal_retrieve_retry_interval": "100ms",
    # commits wait for a standby that hangs: it is given up after this long
    "wal_sender_timeout": "10s",
    "autovacuum_naptime": "15s",
    "restart_after_crash": "on",
    "checkpoint_warning": "0",
}
"""What no caller changes: the server stays small, reachable by its socket only, and logs as RDS's does.

Shared memory in files goes with the cluster; what a killed server leaves in /dev/shm, nobody would remove."""
NOT_OURS_TO_GIVE = frozenset(
    {"config_file", "hba_file", "ident_file", "data_directory", "external_pid_file", "port", "log_directory"}
    | {"unix_socket_directories", "unix_socket_group", "include", "include_dir", "include_if_exists", "fsync"}
)
HBA = f"""\
local all +rds_superuser scram-sha-256
local all +rds_iam trust
local all all scram-sha-256
local replication {ADMIN} scram-sha-256
"""
"""Only the relay reaches the socket, and it asks whom the server trusts for an IAM token. rds_superuser comes
first: who may grant rds_iam to others is a member of it in PostgreSQL's eyes."""


def effective(settings: Mapping[str, str], *, major: int, durable: bool, log: Path) -> dict[str, str]:
    """Return all settings that a server gets, ours last."""
    given = {name: value for name, value in settings.items() if name not in NOT_OURS_TO_GIVE}
    version = {"io_method": "sync"} if major >= 18 else {}
    if sys.platform == "linux" and major >= 14:
        # one call instead of a thousand when a server recovers
        version["recovery_init_sync_method"] = "syncfs"
    # without fsync only a crash of the machine loses rows, never one of the server
    safety = {} if durable else {"fsync": "off"}
    return DEFAULTS | version | given | OWN | safety | {"log_directory": str(log)}


def write(data: Path, settings: Mapping[str, str], account: Account | None) -> None:
    """Write postgresql.conf and pg_hba.conf; a running server takes them at its next reload or restart."""
    write_part(data / "postgresql.conf", settings, account, f"include_if_exists = '{ROLE_FILE}'\n")
    replace(data / "pg_hba.conf", HBA, account)


def write_part(path: Path, settings: Mapping[str, str], account: Account | None, end: str = "") -> None:
    """Write one file of the configuration; `end` follows the settings."""
    lines = [f"{name} = {quoted(value)}\n" for name, value in sorted(settings.items())]
    replace(path, "".join(lines) + end, account)


def number(data: Path, name: str, default: int) -> int:
    """Return a whole number that `write` has written, or the default."""
    path = data / "postgresql.conf"
    text = path.read_text() if path.exists() else ""
    found = re.search(rf"^{name} = '(\d+)'$", text, re.MULTILINE)
    return int(found.group(1)) if found else default


def quoted(value: str) -> str:
    """Quote a value for postgresql.conf."""
    escaped = value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{escaped}'"


def replace(path: Path, text: str, account: Account | None, *, durable: bool = False) -> None:
    """Replace a private file at once: a reader sees the old text or the new one."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    if account is not None:
        account.own(unfinished)
    unfinished.replace(path)
    if durable:
        keep_names(path.parent)


def keep_names(folder: Path) -> None:
    """Return when the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
