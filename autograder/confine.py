"""Limits its own process, then becomes the given command: run as a script before any code of a learner.

`python -I -S confine.py ACCOUNT cpu_s=… memory=… file=… files=… processes=… read=… write=… list=… --
command …`; sizes in bytes, ACCOUNT is a numeric user id to become (`-` to stay), and any number of folders
that remain readable or writable besides the system's settings, or whose names can be seen.
"""

import ctypes
import os
import resource
import sys
from pathlib import Path

# run by its path, isolated, and without site-packages: the package has to be told where it is
sys.path.append(str(Path(__file__).resolve().parents[1]))

from autograder import landlock

NAMES = {
    "cpu_s": resource.RLIMIT_CPU,
    "memory": resource.RLIMIT_AS,
    "file": resource.RLIMIT_FSIZE,
    "files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
}
PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE = 1


def main(arguments: list[str]) -> None:
    """Apply the limits and run the command in this process's place."""
    split = arguments.index("--")
    account, settings, command = arguments[0], arguments[1:split], arguments[split + 1 :]
    folders: dict[str, list[str]] = {"read": [], "write": [], "list": []}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name in folders:
            folders[name].append(value)
        else:
            _limit(name, int(value))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    if os.geteuid() == 0 and sys.platform == "linux":
        _give_up_rights()
    # from here on this process imports nothing: its own Python may be out of reach
    landlock.restrict(folders["read"], folders["write"], folders["list"])
    if account != "-":
        os.setgroups([])
        os.setgid(int(account))
        os.setuid(int(account))
    os.execvp(command[0], command)  # noqa: S606 - a list, no shell


def _limit(name: str, wanted: int) -> None:
    ceiling = resource.getrlimit(NAMES[name])[1]
    if ceiling != resource.RLIM_INFINITY:
        wanted = min(wanted, ceiling)
    resource.setrlimit(NAMES[name], (wanted, wanted))


def _give_up_rights() -> None:
    """Leave root's command none of root's rights but that to files, which Landlock bounds."""
    libc = ctypes.CDLL(None)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="utf-8"))
    for right in range(last + 1):
        if right != CAP_DAC_OVERRIDE:
            libc.prctl(PR_CAPBSET_DROP, *map(ctypes.c_ulong, (right, 0, 0, 0)))


if __name__ == "__main__":
    main(sys.argv[1:])
