"""Runs the commands that were sent, and keeps the sessions."""

from __future__ import annotations

import datetime
import functools
import logging
import shutil
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.bridge.ec2 import Ec2View
from localaws.hosts.keys import credentials, profile_role
from localaws.hosts.process import HostProcess, head
from localaws.ssm import commands
from localaws.ssm.commands import Command, Invocation
from localaws.ssm.responses import RUNNING
from localaws.ssm.sessions import Sessions, why_not

if TYPE_CHECKING:
    from localaws.bridge.ec2 import Host
    from localaws.control import ControlPlane
    from localaws.hosts.machine import Machine
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)

SHELL = "/bin/bash"
GRACE = 1.0
MEANTIME = 1.0
"""Seconds for the last words of what a finished command left running in the background."""
LOST = "The local AWS was restarted while the command ran; what it had done by then stays done."
TRUNCATED = "\n---Output truncated---"


@dataclass(frozen=True)
class Place:
    """A command on an instance."""

    account_id: str
    region: str
    command_id: str
    instance_id: str

    @property
    def name(self) -> str:
        """The name of its run on the machine."""
        return f"command-{self.command_id}"


@dataclass
class Job:
    """A command that runs; `verdict` is the status that it was ended with."""

    machine: Machine
    process: HostProcess
    deadline: float
    role: str | None
    verdict: str | None = None


class SsmController:
    """The reconciler's controller of Systems Manager."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._control = control
        self._runtime = runtime
        self._jobs: dict[Place, Job] = {}
        self._sessions = RUNNING.sessions = Sessions(control, runtime)
        for place, _, invocation in self._open():
            if invocation.status != "Pending":
                self._end(place, "Failed", "Failed", -1, "", LOST)

    def reconcile(self) -> None:
        """End what has lost its instance, and bring commands on their way."""
        self._sessions.reconcile()
        for place, command, invocation in self._open():
            job = self._jobs.get(place)
            host = self._host(place) if job is None else None
            if job is None and why_not(host) is not None:
                self._wait(place, command, host)
            elif job is None:
                self._submit(place, functools.partial(self._begin, place, command))
            elif job.process.code is not None:
                self._submit(place, functools.partial(self._finish, place, command, job))
            elif job.verdict is None and invocation.status == "Cancelling":
                self._stop(job, "Cancelled")
            elif job.verdict is None and time.monotonic() > job.deadline:
                self._stop(job, "TimedOut")

    def _submit(self, place: Place, job: Any) -> None:
        self._runtime.reconciler.submit(f"ssm {place.command_id} {place.instance_id}", job)

    def _begin(self, place: Place, command: Command) -> None:
        host = self._host(place)
        machine = self._runtime.machines.instance(place.account_id, place.region, place.instance_id)
        if host is None or machine is None or why_not(host) is not None:
            return
        self._settle(place, "began")
        if not self._still(place, "InProgress"):
            return  # cancelled in the meantime
        script = machine.script(place.name, "\n".join(command.commands).encode() + b"\n")
        role = profile_role(place.account_id, host.profile)
        process = machine.run(
            place.name,
            [SHELL, str(script)],
            role=role,
            split=True,
            directory=command.directory or None,
            environment={"AWS_SSM_INSTANCE_ID": host.id, "AWS_SSM_REGION_NAME": place.region},
        )
        self._jobs[place] = Job(machine, process, time.monotonic() + command.execution_timeout, role)

    def _wait(self, place: Place, command: Command, host: Host | None) -> None:
        """Keep a command for an instance that is not there at the moment, until its time is over."""
        if host is None or host.state in ("terminated", "shutting-down"):
            self._end(place, "Failed", "Undeliverable", -1, "", "")
        elif datetime.datetime.now(datetime.UTC).replace(tzinfo=None) > command.expires:
            self._end(place, "TimedOut", "DeliveryTimedOut", -1, "", "")

    @staticmethod
    def _stop(job: Job, verdict: str) -> None:
        job.verdict = verdict
        job.process.end(GRACE)

    def _finish(self, place: Place, command: Command, job: Job) -> None:
        process = job.process
        code = process.code if process.code is not None else -1
        output = _shown(head(process.program.output, commands.OUTPUT + 1), commands.OUTPUT)
        errors = head(process.program.errors, commands.ERRORS + 1).decode(errors="replace")
        if code != 0:
            reason = process.failure or (
                f"exit status {code}" if code > 0 else f"signal: {signal.Signals(-code).name}"
            )
            errors += f"failed to run commands: {reason}"
        status = job.verdict or ("Success" if code == 0 else "Failed")
        details = "ExecutionTimedOut" if status == "TimedOut" else status
        if command.asked.get("OutputS3BucketName"):
            self._upload(place, command, job)
        self._end(
            place, status, details, code if code >= 0 else 128 - code, output, errors[: commands.ERRORS]
        )
        self._jobs.pop(place, None)
        if process.wait_gone(MEANTIME):
            shutil.rmtree(process.program.folder, ignore_errors=True)
        (job.machine.folder / "scripts" / place.name).unlink(missing_ok=True)

    def _upload(self, place: Place, command: Command, job: Job) -> None:
        """Copy the output to S3 with the instance's own rights, as the agent does."""
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        invocation = command.invocations[place.instance_id]
        if job.role is None:
            return
        port = (self._control.state.path / "port").read_text().strip()
        program = job.process.program
        with credentials(
            self._control, place.account_id, place.region, job.role, place.instance_id
        ) as variables:
            s3 = boto3.client(
                "s3",
                endpoint_url=f"http://127.0.0.1:{port}",
                region_name=place.region,
                aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
                aws_session_token=variables["AWS_SESSION_TOKEN"],
            )
            for stream, path in (("stdout", program.output), ("stderr", program.errors)):
                try:
                    body = path.read_bytes() if path.exists() else b""
                    if body:
                        bucket = command.asked["OutputS3BucketName"]
                        s3.put_object(Bucket=bucket, Key=command.key(invocation, stream), Body=body)
                except (BotoCoreError, ClientError, OSError) as error:
                    log.warning("the output of %s is not in S3: %s", place.command_id, error)

    def _still(self, place: Place, status: str) -> bool:
        with self._control.lock:
            return any(each == place and invocation.status == status for each, _, invocation in self._open())

    def _open(self) -> list[tuple[Place, Command, Invocation]]:
        with self._control.lock:
            return [
                (Place(account, region, command.command_id, invocation.instance_id), command, invocation)
                for account, region, backend in self._control.backends("ssm")
                for command in commands.kept(backend).values()
                for invocation in command.invocations.values()
                if invocation.status in commands.OPEN
            ]

    def _host(self, place: Place) -> Host | None:
        with self._control.lock:
            view = Ec2View.of(self._control, place.account_id, place.region)
            return view.host(place.instance_id) if view else None

    def _end(self, place: Place, status: str, details: str, code: int, output: str, errors: str) -> None:
        self._settle(place, "ended", status=status, details=details, code=code, output=output, errors=errors)

    def _settle(self, place: Place, name: str, **arguments: Any) -> None:
        self._control.settle(
            "ssm",
            place.account_id,
            place.region,
            name,
            command_id=place.command_id,
            instance_id=place.instance_id,
            **arguments,
        )

    def shutdown(self) -> None:
        """End all sessions; the commands end with their instances' programs."""
        self._sessions.shutdown()

    def engines(self) -> list[Engine]:
        """Return no server: sessions are listeners of the front, and commands come and go."""
        return []


def _shown(data: bytes, most: int) -> str:
    text = data.decode(errors="replace")
    return text if len(text) <= most else text[: most - len(TRUNCATED)] + TRUNCATED
