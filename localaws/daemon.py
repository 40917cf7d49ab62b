"""The server in the background: starting, finding, stopping and emptying it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from localaws import errors, keeper
from localaws.errors import AlreadyServed, LocalawsError, StartFailed
from localaws.state import StateDir

START_SECONDS = 120.0
STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    pid: int
    port: int
    keeper: int

    @property
    def endpoint_url(self) -> str:
        """Where boto3 finds it."""
        return f"http://127.0.0.1:{self.port}"


def running(state: StateDir) -> Running | None:
    """Return the server of this state folder, or None."""
    facts = state.read_json("server.json")
    if facts is None or not _alive(facts["pid"]):
        return None
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", facts["port"]), timeout=2):
        return Running(facts["pid"], facts["port"], facts["keeper"])
    return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    import psutil

    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def start(state: StateDir, port: int | None) -> tuple[Running, bool]:
    """Find the server or start one; return it and whether it is new."""
    found = running(state)
    if found is None:
        try:
            return _spawn(state, port), True
        except AlreadyServed:
            found = _wait_for_other(state)
    if port is not None and port != found.port:
        raise AlreadyServed(
            f"The local AWS of {state.path} already runs on port {found.port}. "
            f"Run `localaws stop` first to move it to port {port}."
        )
    return found, False


def _wait_for_other(state: StateDir) -> Running:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = running(state)
        if found is not None:
            return found
        time.sleep(0.02)
    raise StartFailed(f"Another start of {state.path} does not come to an end. See {state.log_file}.")


def command(state: StateDir, port: int | None) -> list[str]:
    """Return the command line of the server process."""
    words = [sys.executable, "-m", "localaws.server", "--state", str(state.path)]
    return words if port is None else [*words, "--port", str(port)]


def environment() -> dict[str, str]:
    """Return the server's environment: sets must iterate alike in every run, or a replay would differ."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    # AWS's own policies are there for AttachRolePolicy, as on AWS
    return ours | {"PYTHONHASHSEED": "0", "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}


def _spawn(state: StateDir, port: int | None) -> Running:
    reading, writing = os.pipe()
    with os.fdopen(os.open(state.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        process = subprocess.Popen(
            [*command(state, port), "--report", str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=environment(),
            pass_fds=(writing,),
            start_new_session=True,
        )
    os.close(writing)
    message = _read_report(reading)
    if message is None:
        process.poll()
        raise StartFailed(
            f"The server did not come up. See {state.log_file} or run `localaws start --foreground`."
        )
    if "error" in message:
        process.wait()
        kind = getattr(errors, message["kind"], StartFailed)
        raise kind(message["error"])
    # The server outlives this process on purpose; Popen need not warn about it.
    process.returncode = 0
    return Running(message["pid"], message["port"], message["keeper"])


def _read_report(reading: int) -> dict[str, Any] | None:
    deadline = time.monotonic() + START_SECONDS
    with os.fdopen(reading, "rb") as stream:
        ready, _, _ = select.select([stream], [], [], deadline - time.monotonic())
        line = stream.readline() if ready else b""
    return json.loads(line) if line else None


def stop(state: StateDir) -> bool:
    """Stop the server, its keeper and its engines; return whether there was one. Leaves no process."""
    facts = state.read_json("server.json")
    found = facts is not None and _alive(facts["pid"])
    if facts is not None and found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(facts["pid"], signal.SIGTERM)
        if not _wait_gone(facts["pid"], STOP_SECONDS):
            os.kill(facts["pid"], signal.SIGKILL)
    if facts is not None and not _wait_gone(facts["keeper"], STOP_SECONDS):
        raise LocalawsError(f"Process {facts['keeper']} does not end. See {state.log_file}.")
    keeper.stop_engines(state.engines_root)
    (state.path / "server.json").unlink(missing_ok=True)
    return found


def _wait_gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def reset(state: StateDir) -> Running | None:
    """Empty the account; a server that ran runs again, on its port and with its keys."""
    was = running(state)
    stop(state)
    state.wipe()
    fresh = StateDir.open(state.path)
    return start(fresh, was.port)[0] if was else None


def status(state: StateDir) -> dict[str, Any]:
    """Return what `localaws status --json` prints."""
    from localaws import __version__
    from localaws.iam.switch import enforcing
    from localaws.state import ACCOUNT_ID, OUTSIDE_IP, REGION

    found = running(state)
    return {
        "running": found is not None,
        "pid": found.pid if found else None,
        "endpoint_url": found.endpoint_url if found else None,
        "region": REGION,
        "account_id": ACCOUNT_ID,
        "state": str(state.path),
        "credentials": str(state.path / "credentials.json"),
        "ca_bundle": str(state.ca_dir / "bundle.pem"),
        "outside_ip": OUTSIDE_IP,
        "engines": _engines(state),
        "iam_enforcing": enforcing(state),
        "version": __version__,
    }


def _engines(state: StateDir) -> list[dict[str, Any]]:
    """Return the processes that are there, by the names the model knows them under."""
    known = {engine["pid"]: engine for engine in state.read_json("engines.json") or []}
    found = []
    for engine in keeper.engine_processes(state.engines_root):
        fact = {"name": engine.home.name, "kind": engine.kind, "status": "running"} | known.get(
            engine.pid, {}
        )
        if not engine.running:
            fact["status"] = "stopped"
        found.append(fact | {"pid": engine.pid})
    return found
