"""Running functions: in processes of their own, with their role's credentials and place in the network."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import logging
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.awslambda import sandbox
from localaws.bridge import backends
from localaws.hosts import surroundings
from localaws.hosts.keys import credentials
from localaws.network import OUTSIDE, Interface, Origin

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Functions that run at the same time for events; more wait."""
TAIL = 4096


@dataclass(frozen=True)
class View:
    """A function at one moment."""

    account_id: str
    region: str
    name: str
    arn: str
    version: str
    handler: str
    runtime: str
    role: str
    memory: int
    timeout: int
    environment: dict[str, str]
    code: bytes
    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]
    provided: bool

    @property
    def group(self) -> str:
        """Its log group."""
        return f"/aws/lambda/{self.name}"

    @property
    def origin(self) -> Origin:
        """Where its connections come from."""
        if self.subnet_ids or self.provided:
            return Origin(interface=Interface(self.name, self.subnet_ids, self.security_group_ids))
        return OUTSIDE


@dataclass(frozen=True)
class Outcome:
    """What Invoke answers."""

    payload: bytes
    error: str | None
    """FunctionError of the answer."""
    log: bytes
    version: str

    @property
    def reason(self) -> str:
        """Why it failed, in a line."""
        return str(json.loads(self.payload).get("errorMessage", "")) if self.error else ""


class Functions:
    """Runs functions; as a controller it only has to end them when the server stops."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self.control = control
        self.runtime = runtime
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lambda")
        self._stopping = False

    def view(self, account_id: str, region: str, name: str, qualifier: str | None = None) -> View:
        """Return a function; moto's UnknownFunctionException when there is none."""
        with self.control.lock:
            found = backends.load("awslambda")[account_id][region].get_function(name, qualifier)
            return _view(account_id, region, found)

    def invoke(self, view: View, event: Any) -> Outcome:
        """Run a function to its end; what it wrote is in its log group by then."""
        request_id = str(uuid.uuid4())
        today = datetime.datetime.now(datetime.UTC).strftime("%Y/%m/%d")
        stream = f"{today}/[{view.version}]{uuid.uuid4().hex}"
        result = (
            self._provided(view, event) if view.provided else self._process(view, event, request_id, stream)
        )
        lines = _report(view, request_id, result)
        self.control.settle(
            "awslambda", view.account_id, view.region, "logged", group=view.group, stream=stream, lines=lines
        )
        text = "\n".join(lines).encode() + b"\n"
        if result.error is not None:
            return Outcome(json.dumps(result.error).encode(), "Unhandled", text[-TAIL:], view.version)
        return Outcome((result.payload or "null").encode(), None, text[-TAIL:], view.version)

    def later(self, view: View, event: Any) -> None:
        """Run a function in the background; its answer goes nowhere."""
        self._pool.submit(self._quietly, view, event)

    def _quietly(self, view: View, event: Any) -> None:
        try:
            self.invoke(view, event)
        except Exception:
            log.exception("%s was not run", view.name)

    def _provided(self, view: View, event: Any) -> sandbox.Result:
        from localaws.secretsmanager.rotation import handle

        return handle(self, view, event)

    def _process(self, view: View, event: Any, request_id: str, stream: str) -> sandbox.Result:
        context = {
            "request_id": request_id,
            "function_name": view.name,
            "version": view.version,
            "arn": view.arn,
            "memory": view.memory,
            "log_group": view.group,
            "log_stream": stream,
            "timeout": view.timeout,
        }
        with credentials(self.control, view.account_id, view.region, view.role, view.name) as keys:
            task = sandbox.Task(
                code=view.code,
                handler=view.handler,
                event=event,
                context=context,
                environment=self._environment(view, stream) | keys | view.environment,
                timeout=view.timeout,
                memory=view.memory,
            )
            return sandbox.run(task, self._surroundings(view), self._started(view))

    def _surroundings(self, view: View) -> Callable[[Path], dict[str, str]]:
        return lambda folder: surroundings.connections(self.control.state, view.region, folder)

    def _environment(self, view: View, stream: str) -> dict[str, str]:
        return {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{view.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": view.name,
            "AWS_LAMBDA_FUNCTION_VERSION": view.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(view.memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": view.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        }

    def _started(self, view: View) -> Callable[[int], contextlib.AbstractContextManager[None]]:
        @contextlib.contextmanager
        def listed(pid: int) -> Iterator[None]:
            with self._lock:
                self._running.add(pid)
            try:
                with self.runtime.identities.listed(pid, view.origin):
                    yield
            finally:
                with self._lock:
                    self._running.discard(pid)

        return listed

    def reconcile(self) -> None:
        """Nothing has to be kept running."""

    def shutdown(self) -> None:
        """End what runs."""
        with self._lock:
            running = list(self._running)
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._pool.shutdown(cancel_futures=True)

    def engines(self) -> list[Engine]:
        """No server: functions come and go."""
        return []


_functions: Functions | None = None


def start(control: ControlPlane, runtime: Runtime) -> Functions:
    """Return what runs functions, one for the account."""
    global _functions
    if _functions is None or _functions.control is not control:
        _functions = Functions(control, runtime)
    return _functions


def running() -> Functions | None:
    """Return what runs functions, once it has been started."""
    return _functions


def later(account_id: str, region: str, arn: str, body: Any) -> None:
    """Run a function for an event of another service; never while the journal is replayed."""
    found = _functions
    if found is None or found.control.replaying:
        return
    event = json.loads(body) if isinstance(body, str | bytes) and body else {}
    found.later(found.view(account_id, region, arn), event)


def _view(account_id: str, region: str, found: Any) -> View:
    vpc = found.vpc_config or {}
    return View(
        account_id=account_id,
        region=region,
        name=found.function_name,
        arn=found.function_arn,
        version=str(found.version),
        handler=str(found.handler or ""),
        runtime=str(found.run_time or found.package_type),
        role=found.role,
        memory=int(found.memory_size),
        timeout=int(found.timeout),
        environment=dict(found.environment_vars or {}),
        code=getattr(found, "code_bytes", b""),
        subnet_ids=tuple(vpc.get("SubnetIds") or ()),
        security_group_ids=tuple(vpc.get("SecurityGroupIds") or ()),
        provided=found.provided,
    )


def _report(view: View, request_id: str, result: sandbox.Result) -> list[str]:
    milliseconds = result.seconds * 1000
    return [
        f"START RequestId: {request_id} Version: {view.version}",
        *result.output,
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
        f"Billed Duration: {int(milliseconds) + 1} ms\tMemory Size: {view.memory} MB\t"
        f"Max Memory Used: {result.memory >> 20} MB",
    ]


def encoded(tail: bytes) -> str:
    """A log's tail as LogResult carries it."""
    return base64.b64encode(tail).decode()
