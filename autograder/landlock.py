"""Landlock: keeps a process and its children to some folders and away from other processes (Linux only).

Only the standard library is used, because confine.py imports this without site-packages.
"""

import ctypes
import functools
import os
import stat
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_ONLY = 1
PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
"""The rights that a rule on something else than a folder may hold."""
READ = READ_FILE | READ_DIR
RUN = READ | EXECUTE
ALL = (1 << 16) - 1
DEVICE_FILES = 1 << 6 | 1 << 11
"""Making character and block devices: nobody's, not even in a folder of one's own."""
TRUNCATE_SINCE = 3
RIGHTS_SINCE = {1: (1 << 13) - 1, 2: 1 << 13, TRUNCATE_SINCE: TRUNCATE, 5: IOCTL_DEV}
"""Rights on files by the version of the interface that brought them."""
SCOPES_SINCE = 6
SCOPES = 0b11
"""No abstract Unix sockets and no signals to processes outside."""

SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin")
"""Where the system's programs and libraries are."""
KERNEL_FILES = ("/proc", "/sys")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/tty")


@functools.cache
def version() -> int:
    """The version of the kernel's interface; 0 when there is none, or when it is switched off."""
    if sys.platform != "linux":
        return 0
    return max(0, ctypes.CDLL(None).syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION_ONLY))


def missing() -> str:
    """What a learner's code may do here because the kernel lacks it; empty when nothing is missing."""
    if version() == 0:
        return (
            "no Landlock here (Linux 5.13 or newer has it): learners' code can read what its account can, "
            "also the course's sources and other submissions, and signal that account's processes"
        )
    if version() < SCOPES_SINCE:
        files = "truncate files and " if version() < TRUNCATE_SINCE else ""
        return f"Landlock before Linux 6.12: learners' code can {files}signal processes of its account"
    return ""


def restrict(readable: Iterable[str], writable: Iterable[str], listable: Iterable[str] = ()) -> None:
    """Keep this process to the system's settings, `readable` and `writable`; without Landlock do nothing.

    What is readable may be run too (the caller names SYSTEM, or what of it is no secret); of `listable` only
    names can be seen. A rule covers everything below its folder.
    """
    if version() == 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    known = sum(rights for since, rights in RIGHTS_SINCE.items() if since <= version())
    scopes = SCOPES if version() >= SCOPES_SINCE else 0
    described = struct.pack("=QQQ", known, 0, scopes)
    ruleset = _done(libc.syscall(CREATE_RULESET, described, ctypes.c_size_t(len(described)), 0))
    for paths, rights in (
        ((*_settings(), *readable), RUN),
        (KERNEL_FILES, READ),
        (listable, READ_DIR),
        (DEVICES, READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV),
        (writable, ALL & ~DEVICE_FILES),
    ):
        for path in paths:
            # a path that does not exist here needs no rule
            with suppress(FileNotFoundError), _opened(path) as file:
                of_file = rights if stat.S_ISDIR(os.fstat(file).st_mode) else rights & OF_FILES
                rule = struct.pack("=Qi", of_file & known, file)
                _done(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0))
    _done(libc.prctl(PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))))
    _done(libc.syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _settings() -> list[str]:
    """What is for everybody in /etc (a grader who is root could read its passwords too), and name servers."""
    etc = Path("/etc")
    # a link to the whole folder would open all of it
    own = (path for path in etc.iterdir() if not etc.is_relative_to(path.resolve()))
    return [*(str(path) for path in own if _is_public(path)), "/etc/resolv.conf"]


def _is_public(path: Path) -> bool:
    with suppress(OSError):
        # a link to a folder would let everything below it be read, wherever that is
        return bool(path.stat().st_mode & stat.S_IROTH) and not (path.is_symlink() and path.is_dir())
    return False


@contextmanager
def _opened(path: str) -> Iterator[int]:
    file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def _done(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return result
