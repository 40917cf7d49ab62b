"""Runs a learner's code where it does no harm: own session, clean environment, limits, nothing left."""

import contextlib
import functools
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from autograder import landlock

CONFINE = Path(__file__).with_name("confine.py")
HIDDEN = Path(__file__).resolve().parent
"""The autograder: outcomes, keys and rubrics. Installed beside Python's packages it is left out of them."""
MARK = "LAB_SANDBOX"
GRADED_ACCOUNT = 64_999
"""User id for learners' code when the grader is root: its own, so that it owns nothing and nobody."""
MEBIBYTE = 1 << 20
OUTPUT_READ = 20_000
"""Characters of a program's output that are looked at."""


@dataclass(frozen=True)
class Limits:
    """What the code may use: CPU seconds, memory and file size in MiB, open files, and processes."""

    cpu_s: int = 60
    memory: int = 4096
    file: int = 64
    files: int = 512
    processes: int = 256

    def settings(self, account: int | None) -> list[str]:
        """These limits as arguments of confine.py."""
        settings = [f"cpu_s={self.cpu_s}", f"memory={self.memory * MEBIBYTE}", f"file={self.file * MEBIBYTE}"]
        settings.append(f"files={self.files}")
        if account is not None:
            # the limit counts all processes of an account, so it makes sense only for one of our own
            settings.append(f"processes={self.processes}")
        return settings


@dataclass(frozen=True)
class Sandbox:
    """A folder for a learner's code, and the account and mark that its processes carry."""

    folder: Path
    account: int | None
    mark: str

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """A clean environment: nothing of the grader's but its language, and `extra`."""
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
        path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])
        own = {
            "PATH": path,
            "HOME": str(self.folder),
            "USER": "learner",
            "LOGNAME": "learner",
            MARK: self.mark,
        }
        return kept | own | {"TMPDIR": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"} | dict(extra)

    def command(self, limits: Limits) -> list[str]:
        """The beginning of a command line that runs the rest in here, under these limits."""
        chosen = "-" if self.account is None else str(self.account)
        folders = [*(f"read={path}" for path in readable_folders()), f"write={self.folder}"]
        folders += [f"list={path}" for path in listable_folders()]
        return [
            sys.executable,
            "-I",
            "-S",
            str(CONFINE),
            chosen,
            *limits.settings(self.account),
            *folders,
            "--",
        ]

    def own(self, path: Path) -> None:
        """Give a file or folder to the account that the code runs as."""
        if self.account is not None:
            os.chown(path, self.account, self.account)

    def end_processes(self) -> None:
        """Kill every process that carries the mark, also those that left the session."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == self.mark:
                    process.kill()


@contextlib.contextmanager
def sandbox() -> Iterator[Sandbox]:
    """A new sandbox; afterwards its processes are killed and its folder is removed."""
    folder = Path(tempfile.mkdtemp(prefix="lab-"))
    made = Sandbox(folder, graded_account(), secrets.token_hex(8))
    made.own(folder)
    try:
        yield made
    finally:
        made.end_processes()
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def readable_folders() -> tuple[str, ...]:
    """Where programs, Python, its packages and labkit are: all of the machine that learners' code reads."""
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    labkit = importlib.util.find_spec("labkit")
    found = labkit.submodule_search_locations if labkit else None
    # a Python of the system's own has the autograder in /usr
    folders = sorted({os.path.realpath(path) for path in (*landlock.SYSTEM, *prefixes, *(found or ()))})
    return tuple(str(part) for folder in folders for part in _without_keys(Path(folder)))


@functools.cache
def listable_folders() -> tuple[str, ...]:
    """Folders that Python searches and that cannot be given as a whole, since the autograder lies in them."""
    prefixes = {os.path.realpath(path) for path in (sys.prefix, sys.exec_prefix, sys.base_prefix)}
    return tuple(
        str(folder) for folder in HIDDEN.parents if any(folder.is_relative_to(path) for path in prefixes)
    )


def _without_keys(folder: Path) -> Iterator[Path]:
    """The folder, or what is in it without the autograder: its keys are for no learner's code to read."""
    if folder not in HIDDEN.parents:
        yield folder
        return
    for child in folder.iterdir():
        place = child.resolve()
        if place != HIDDEN and (place == child or place not in HIDDEN.parents):
            # a link to a folder on the way (lib64 to lib) would open all of it
            yield from _without_keys(child)


@functools.cache
def graded_account() -> int | None:
    """The unprivileged account for learners' code: None when not root, or when it cannot reach Python."""
    if os.geteuid() != 0:
        return None
    command = [sys.executable, "-c", "import psycopg"]
    try:
        done = subprocess.run(
            command,
            user=GRADED_ACCOUNT,
            group=GRADED_ACCOUNT,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except OSError:
        # Python itself sits in a folder that only root may enter
        return None
    return GRADED_ACCOUNT if done.returncode == 0 else None


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit code (None when it was killed for taking too long) and its output."""

    code: int | None
    output: str
    errors: str


def run(
    command: Sequence[str], box: Sandbox, env: Mapping[str, str], *, text: str, seconds: float, limits: Limits
) -> Ended:
    """Run the command in the sandbox with `text` as its input, `seconds` at most; its group dies with it."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        source.write(text.encode())
        source.seek(0)
        process = subprocess.Popen(
            [*box.command(limits), *command],
            cwd=box.folder,
            env=box.environment(env),
            stdin=source,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            box.end_processes()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read(OUTPUT_READ).decode(errors="replace"))
    return Ended(code, *texts)
