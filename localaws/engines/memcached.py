"""A Memcached server: one process without files of data, reachable by its Unix socket only."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from localaws.engines import configuration
from localaws.engines.account import Account, private_folder
from localaws.engines.binaries import EngineMissing
from localaws.engines.single import SingleServer

ANSWER_SECONDS = 3.0


@dataclass(frozen=True)
class MemcachedBinary:
    """One memcached program."""

    version: str
    path: Path


def find_memcached() -> MemcachedBinary:
    """Return the memcached program; raises EngineMissing, which says what to install."""
    chosen = os.environ.get("LOCALAWS_MEMCACHED_BIN")
    found = Path(chosen) if chosen else Path(shutil.which("memcached") or "/usr/bin/memcached")
    path = found / "memcached" if found.is_dir() else found
    if not os.access(path, os.X_OK):
        raise EngineMissing(
            "no memcached on this machine: install it (Debian and Homebrew call it memcached), "
            "or set LOCALAWS_MEMCACHED_BIN to the program"
        )
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    number = re.search(r"memcached (\d+\.\d+\.\d+)", answer)
    if number is None:
        raise EngineMissing(f"{path} --version does not answer as memcached does: {answer.strip()!r}")
    return MemcachedBinary(number.group(1), path)


class MemcachedServer(SingleServer):
    """One server; `options` are the words of its command line."""

    title = "memcached"
    socket_name = "memcached.sock"
    start_deadline = 20.0
    stop_deadline = 5.0

    def __init__(self, home: Path, sockets: Path, *, binary: MemcachedBinary) -> None:
        super().__init__(home, sockets, durable=False)
        self.binary = binary
        self.options: tuple[str, ...] = ()

    @property
    def data(self) -> Path:
        """Where the server works; it writes nothing there."""
        return self.home

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.home / "startup.log"

    def run(self, options: tuple[str, ...]) -> None:
        """Have a server with these options, an empty one when it has to be started."""
        if self.alive() and (self.options or self._remembered()) == options:
            self.options = options
            return
        self.stop(immediate=True)
        private_folder(self.home, self.account)
        self.options = options
        configuration.replace(self.home / "options", "\n".join(options), None)
        self.start()

    def _remembered(self) -> tuple[str, ...]:
        path = self.home / "options"
        return tuple(path.read_text().splitlines()) if path.exists() else ()

    def _command(self) -> list[object]:
        # as root it would ask for an account and change to it itself
        user = ["-u", self.account.name] if isinstance(self.account, Account) else []
        return [self.binary.path, "-s", self.socket, "-a", "0700", *user, *self.options]

    def _answers(self) -> bool:
        try:
            return bool(statistics(self.socket))
        except OSError:
            return False

    def _last_words(self) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return " ".join(text.strip().splitlines()[-2:]) or f"see {self.log}"

    def remove(self) -> None:
        """Stop the server and delete what it had."""
        self.stop(immediate=True)
        if self.home.exists():
            self._clear_leftovers()
            shutil.rmtree(self.home)
        shutil.rmtree(self.sockets, ignore_errors=True)


def statistics(path: Path) -> dict[str, str]:
    """Return what the server behind a Unix socket tells of itself."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ANSWER_SECONDS)
        client.connect(str(path))
        client.sendall(b"stats\r\n")
        answer = b""
        while not answer.endswith(b"END\r\n") and (data := client.recv(65536)):
            answer += data
    pairs = (line.split(" ", 2) for line in answer.decode("latin-1").splitlines())
    return {words[1]: words[2] for words in pairs if words[0] == "STAT"}
