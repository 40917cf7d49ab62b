"""A local AWS for moto's tests: they start from nothing again and again, and they do not wait.

Between two calls everything that the first began comes to its end, as if the caller had used a waiter; a call
to `/moto-api/reset` empties the account. The key pair is the one that moto's tests sign with. All the rest is
the server that a learner meets.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from localaws import keeper
from localaws.account import Account
from localaws.bridge import backends
from localaws.certificates import CertificateAuthority
from localaws.faults import Answer
from localaws.gateway import Gateway, HttpServer
from localaws.s3.intake import Body
from localaws.server import log_to_stderr
from localaws.signature import Request
from localaws.state import KeyPair, StateDir

log = logging.getLogger("localaws")

MOTOS_KEY = KeyPair("FOOBARKEY", "FOOBARSECRET")
PATIENCE = 20.0


class PatientGateway(Gateway):
    """Answers a call when what earlier ones began has ended, and forgets everything on request."""

    def __init__(self, state: StateDir) -> None:
        super().__init__({"owner": MOTOS_KEY})
        self._state = state
        self._births = _births()
        self._resetting = threading.Lock()
        self._touched = False
        self.account = self._load()

    def answer(self, request: Request, upload: Body | None = None) -> Answer:
        """Answer a request of a test."""
        if request.path == "/moto-api/reset":
            try:
                self._reset()
            except BaseException:
                log.exception("the account was not emptied")
                os._exit(1)
            return Answer(200, [("Content-Type", "application/json")], b'{"status": "ok"}')
        self._touched = True
        end = time.monotonic() + PATIENCE
        while left := [each for each in _work(self.account) if each]:
            if time.monotonic() > end:
                log.error("Traceback: this work does not end: %s", left)
                break
            time.sleep(0.01)
        return super().answer(request, upload)

    def _load(self) -> Account:
        account = Account.load(StateDir.open(self._state.path))
        self.open(account.control)
        return account

    def _reset(self) -> None:
        with self._resetting:
            if not self._touched:
                return
            # nobody needs the data: an orderly end would only take its time
            for engine in keeper.engine_processes(self._state.engines_root):
                engine.send(signal.SIGQUIT)
            self.account.close()
            for service in backends.services_in_use():
                backends.backend_dict(service).clear()  # type: ignore[union-attr]
            _give_back(self._births)
            self._forget()
            self.account = self._load()
            self._touched = False

    def _forget(self) -> None:
        """Wipe the state folder, but for the cluster that waits for the next database."""
        root = self._state.engines_root
        spares = list(root.glob("spare-*"))
        kept = Path(tempfile.mkdtemp(dir=root.parent))
        for spare in spares:
            spare.rename(kept / spare.name)
        self._state.wipe()
        for spare in spares:
            (kept / spare.name).rename(self._state.engines_root / spare.name)
        kept.rmdir()


def _births() -> tuple[Any, Any]:
    from moto.core.base_backend import AccountSpecificBackend, BackendDict

    return BackendDict._create_account_specific_backend, AccountSpecificBackend.__getitem__


def _give_back(births: tuple[Any, Any]) -> None:
    from moto.core.base_backend import AccountSpecificBackend, BackendDict

    BackendDict._create_account_specific_backend, AccountSpecificBackend.__getitem__ = births


def _work(account: Account) -> Iterator[Any]:
    """Yield what the model still asks of its controllers."""
    for service in backends.services_in_use():
        for _, _, backend in account.control.backends(service):
            for resources in list(vars(backend).values()):
                if isinstance(resources, Mapping):
                    yield from (getattr(each, "work", None) for each in list(resources.values()))


def main() -> None:
    """Serve on a free port, written to the file `port` of the state folder, until standard input ends."""
    parser = argparse.ArgumentParser(prog="tests.localaws.suites.server")
    parser.add_argument("--state", type=Path, required=True)
    options = parser.parse_args()
    os.environ["LOCALAWS_DURABILITY"] = "off"
    log_to_stderr()
    state = StateDir.open(options.state)
    # engines of another account then have their data in this folder, which may be in memory
    options.state.chmod(0o711)
    keeper_pid, pipe = keeper.fork(state.engines_root)
    CertificateAuthority(state.ca_dir)
    listener = socket.create_server(("127.0.0.1", 0))
    gateway = PatientGateway(state)
    http = HttpServer(gateway, listener)
    threading.Thread(target=http.serve, daemon=True).start()
    state.write("port", str(listener.getsockname()[1]))
    os.read(0, 1)
    http.stop()
    gateway.account.close()
    os.close(pipe)
    os.waitpid(keeper_pid, 0)
    state.wipe()


if __name__ == "__main__":
    main()
