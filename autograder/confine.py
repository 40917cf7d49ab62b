"""Limits its own process, then becomes the given command: run as a script before any code of a learner.

`python -I -S confine.py ACCOUNT cpu_s=… memory=… file=… files=… processes=… -- command …`; sizes
in bytes, ACCOUNT is a numeric user id to become (`-` to stay).
"""

import os
import resource
import sys

NAMES = {
    "cpu_s": resource.RLIMIT_CPU,
    "memory": resource.RLIMIT_AS,
    "file": resource.RLIMIT_FSIZE,
    "files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
}


def main(arguments: list[str]) -> None:
    """Apply the limits and run the command in this process's place."""
    split = arguments.index("--")
    account, limits, command = arguments[0], arguments[1:split], arguments[split + 1 :]
    for limit in limits:
        name, _, value = limit.partition("=")
        ceiling = resource.getrlimit(NAMES[name])[1]
        wanted = int(value) if ceiling == resource.RLIM_INFINITY else min(int(value), ceiling)
        resource.setrlimit(NAMES[name], (wanted, wanted))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    if account != "-":
        os.setgroups([])
        os.setgid(int(account))
        os.setuid(int(account))
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
