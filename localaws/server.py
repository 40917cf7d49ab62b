"""The server process: listens at once, then loads the model, and ends cleanly when asked."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gc
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass

from localaws import keeper
from localaws.cloudwatch import interval
from localaws.errors import AlreadyServed, LocalawsError, PortTaken
from localaws.state import StateDir

log = logging.getLogger("localaws")

LOCK_SECONDS = 20.0


def main(argv: list[str] | None = None) -> int:
    """Serve one state folder until SIGTERM or SIGINT; report readiness as one line of JSON on `--report`."""
    parser = argparse.ArgumentParser(prog="localaws.server")
    parser.add_argument("--state", required=True)
    parser.add_argument("--port", type=int, default=None)
    parser.add_argument("--report", type=int, default=None)
    options = parser.parse_args(argv)
    report = _Report(options.report)
    # Collecting garbage while modules load costs a fifth of the start and finds nothing.
    gc.disable()
    try:
        _serve(StateDir.open(options.state), options.port, report)
    except LocalawsError as error:
        report.send({"error": str(error), "kind": type(error).__name__})
        log.error("%s", error)
        return error.exit_code
    return 0


class _Report:
    """The pipe to the command that started the server."""

    def __init__(self, handle: int | None) -> None:
        self._handle = handle

    def send(self, message: dict[str, object]) -> None:
        """Send the one message and close; a command that is gone does not matter."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.write(self._handle, json.dumps(message).encode() + b"\n")
            os.close(self._handle)
            self._handle = None


def _serve(state: StateDir, port: int | None, report: _Report) -> None:
    # a wrong variable is told now, not by the first call that starts the sampler
    interval.seconds_between(state)
    lock = _lock(state)
    os.umask(0o077)
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ending.set())
    listener = listen(state, port)
    keeper_pid, pipe = keeper.fork(state.engines_root)
    log_to_stderr()
    server = _Server(state, listener)
    try:
        server.open(report, keeper_pid)
        ending.wait()
        log.info("stopping")
    finally:
        server.close()
        os.close(pipe)
        os.waitpid(keeper_pid, 0)
        (state.path / "server.json").unlink(missing_ok=True)
        os.close(lock)


def log_to_stderr() -> None:
    """Log in one line per event."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)


def _lock(state: StateDir) -> int:
    """Take the folder's lock; wait for a keeper that still stops the engines of a server that died."""
    handle = os.open(state.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if _other_lives(state) or time.monotonic() > deadline:
                raise AlreadyServed(
                    f"Another localaws serves {state.path}. Use it, or end it with `localaws stop`."
                ) from None
            time.sleep(0.02)


def _other_lives(state: StateDir) -> bool:
    from localaws.daemon import running

    return running(state) is not None


def listen(state: StateDir, port: int | None) -> socket.socket:
    """Bind the port that was asked for, else the remembered one, else a free one."""
    remembered = state.path / "port"
    wanted = port
    if wanted is None:
        wanted = int(remembered.read_text()) if remembered.exists() else 0
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind(("127.0.0.1", wanted))
    except (OSError, OverflowError) as error:
        if port is not None:
            raise PortTaken(
                f"Port {port} of 127.0.0.1 cannot be used ({error}). "
                "Choose another with --port N, or leave --port out to take a free one."
            ) from error
        listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    state.write("port", f"{listener.getsockname()[1]}\n")
    return listener


@dataclass
class _Server:
    """The parts of a running server."""

    state: StateDir
    listener: socket.socket

    def open(self, report: _Report, keeper_pid: int) -> None:
        """Answer requests; a new account reports at once, an old one when everything is back."""
        from localaws.gateway import Gateway, HttpServer

        port = self.listener.getsockname()[1]
        self.gateway = Gateway(self.state.credentials())
        self.http = HttpServer(self.gateway, self.listener)
        threading.Thread(target=self.http.serve, name="http", daemon=True).start()
        facts = {"pid": os.getpid(), "keeper": keeper_pid, "port": port, "started": time.time()}
        self.state.write_json("server.json", facts)
        self._certify()
        if not self._remembers():
            report.send(facts)
        self._load()
        report.send(facts)
        log.info("serving %s on http://127.0.0.1:%s", self.state.path, port)

    def _certify(self) -> None:
        """Make the certificate authority of a new state: clients are told of its bundle from the start."""
        if not (self.state.ca_dir / "bundle.pem").exists():
            from localaws.certificates import CertificateAuthority

            CertificateAuthority(self.state.ca_dir)

    def _remembers(self) -> bool:
        return any(self.state.journal_dir.iterdir()) or any(self.state.snapshot_dir.iterdir())

    def _load(self) -> None:
        keeper.stop_engines(self.state.engines_root)
        self.state.clear_sockets()
        self.state.clear_unfinished()
        # a lengthy import
        from localaws.account import Account

        try:
            self.account = Account.load(self.state)
        except Exception as error:
            self.gateway.fail(f"The local AWS did not start: {error}")
            raise
        self.gateway.open(self.account.control)
        gc.freeze()
        gc.enable()

    def close(self) -> None:
        """Answer what is under way, write the model down, end the engines."""
        if hasattr(self, "http"):
            self.http.stop()
        if hasattr(self, "account"):
            self.account.close()
        self.state.clear_sockets()


if __name__ == "__main__":
    sys.exit(main())
