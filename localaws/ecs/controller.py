"""Runs ECS's tasks: a process for each container, and as many tasks as each service wants."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localaws import zones
from localaws.ecs import containers, scheduling
from localaws.ecs.containers import CannotStart, Plan
from localaws.ecs.logs import Forwarder
from localaws.ecs.tasks import RUNNING, STOPPED, Task
from localaws.hosts.keys import credentials
from localaws.hosts.machine import Card, Machine
from localaws.hosts.process import HostProcess
from localaws.network import Interface, Origin, Target

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

START, LOOK, SHUTDOWN = 10.0, 1.0, 2.0
ESSENTIAL = "Essential container in task exited"
LOST = "The local AWS was restarted while the task ran."
ZONE = "The Availability Zone of the task is down."


@dataclass(frozen=True)
class Place:
    """A task of an account and Region."""

    account_id: str
    region: str
    task: Task

    @property
    def uid(self) -> str:
        """The name of its machine."""
        return f"task-{self.task.id}"


@dataclass
class Job:
    """A task that was started."""

    machine: Machine
    plans: list[Plan]
    processes: dict[str, HostProcess] = field(default_factory=dict)

    def codes(self) -> dict[str, int]:
        """Return the exit codes of its containers, as Docker tells them."""
        found = {name: process.code for name, process in self.processes.items() if process.code is not None}
        return {name: code if code >= 0 else 128 - code for name, code in found.items()}

    def failures(self) -> dict[str, str]:
        """Return why containers could not be started."""
        return {
            name: f"CannotStartContainerError: exec: {process.failure}"
            for name, process in self.processes.items()
            if process.failure
        }


class EcsController:
    """The reconciler's controller of ECS."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._control = control
        self._runtime = runtime
        self._machines = runtime.machines
        self._forwarder = Forwarder(control)
        self._jobs: dict[str, Job] = {}
        self._looked = 0.0
        for place in self._places():
            if place.task.status == RUNNING or place.task.desired_status == STOPPED:
                self._forward_rest(place)
                self._stopped(place, LOST, "TerminationNotice", {}, {})

    def reconcile(self) -> None:
        """Bring services to their number of tasks, and tasks on their way."""
        self._schedule()
        down = zones.failed(self._control.state)
        places = self._places()
        for place in places:
            self._attend(place, down)
        for uid in self._machines.kept("task-") - {place.uid for place in places} - set(self._jobs):
            self._submit(uid, functools.partial(self._machines.remove, uid))
        if time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            for place in places:
                if job := self._jobs.get(place.uid):
                    job.machine.look()
                    self._forward(place, job)

    def _attend(self, place: Place, down: frozenset[str]) -> None:
        job = self._jobs.get(place.uid)
        task = place.task
        if task.desired_status == STOPPED:
            self._submit(place.uid, functools.partial(self._end, place, "", ""))
        elif job is None and task.availability_zone not in down:
            self._submit(place.uid, functools.partial(self._start, place))
        elif job is not None and task.availability_zone in down:
            self._submit(place.uid, functools.partial(self._end, place, ZONE, "TerminationNotice"))
        elif job is not None and any(
            plan.essential and plan.name in job.processes and job.processes[plan.name].code is not None
            for plan in job.plans
        ):
            self._submit(
                place.uid, functools.partial(self._end, place, ESSENTIAL, "EssentialContainerExited")
            )

    def _schedule(self) -> None:
        with self._control.lock:
            wants = [
                (
                    account,
                    region,
                    service,
                    scheduling.missing(backend, service),
                    scheduling.surplus(backend, service),
                )
                for account, region, backend in self._control.backends("ecs")
                for service in list(backend.services.values())
            ]
        for account, region, service, missing, surplus in wants:
            names = {"cluster": service.cluster_name, "service": service.name}
            for _ in range(missing):
                self._control.settle("ecs", account, region, "placed", **names)
            if surplus:
                self._control.settle("ecs", account, region, "reduced", **names)

    def _start(self, place: Place) -> None:
        try:
            job = self._begin(place)
        except CannotStart as error:
            self._stopped(place, str(error), "TaskFailedToStart", {}, {})
            self._machines.remove(place.uid)
            return
        self._jobs[place.uid] = job
        for process in job.processes.values():
            process.started(START)
        failures = job.failures()
        if failures:
            self._end(place, next(iter(failures.values())), "TaskFailedToStart")
            return
        self._settle(place, "started", address=job.machine.outer.address)

    def _begin(self, place: Place) -> Job:
        task = place.task
        with self._control.lock:
            definition = task._backend.describe_task_definition(task.task_definition_arn)
        plans = containers.plans(definition, task.overrides, task.id, place.region)
        for plan in plans:
            if not plan.argv:
                raise CannotStart(
                    f"CannotPullContainerError: the image of {plan.name} is not pulled by this local AWS, so "
                    "its own command is not known. Give the container a command."
                )
        role = task.overrides.get("executionRoleArn") or getattr(definition, "execution_role_arn", None)
        secrets = {plan.name: self._resolve(place, plan.secrets, role) for plan in plans}
        for plan in plans:
            if plan.stream:
                self._forwarder.open(place.account_id, plan.stream)
        job = Job(self._machines.open(self._card(place)), plans)
        task_role = task.overrides.get("taskRoleArn") or getattr(definition, "task_role_arn", None)
        for plan in plans:
            job.processes[plan.name] = job.machine.run(
                plan.name,
                plan.argv,
                role=task_role,
                environment=plan.environment | secrets[plan.name],
                directory=plan.directory,
            )
        return job

    def _resolve(self, place: Place, secrets: dict[str, str], role: str | None) -> dict[str, str]:
        if not secrets:
            return {}
        if role is None:
            raise CannotStart(
                "ResourceInitializationError: unable to pull secrets or registry auth: the task definition "
                "has no executionRoleArn."
            )
        port = (self._control.state.path / "port").read_text().strip()
        with credentials(self._control, place.account_id, place.region, role, place.task.id) as keys:
            where = {
                "endpoint_url": f"http://127.0.0.1:{port}",
                "region_name": place.region,
                "aws_access_key_id": keys["AWS_ACCESS_KEY_ID"],
                "aws_secret_access_key": keys["AWS_SECRET_ACCESS_KEY"],
                "aws_session_token": keys["AWS_SESSION_TOKEN"],
            }
            return containers.resolve(secrets, where)

    def _end(self, place: Place, reason: str, code: str) -> None:
        """End what runs of a task, and note it as stopped."""
        job = self._jobs.get(place.uid)
        if job is not None:
            job.machine.end(max(plan.stop_timeout for plan in job.plans))
            self._forward(place, job, last=True)
        codes, failures = (job.codes(), job.failures()) if job else ({}, {})
        self._stopped(place, reason, code, codes, failures)
        self._machines.remove(place.uid)
        self._jobs.pop(place.uid, None)

    def _forward(self, place: Place, job: Job, *, last: bool = False) -> None:
        for plan in job.plans:
            process = job.processes.get(plan.name)
            if plan.stream and process:
                self._forwarder.forward(place.account_id, plan.stream, process.program.output, last=last)

    def _forward_rest(self, place: Place) -> None:
        """Send what a task wrote before the server was killed."""
        task = place.task
        with self._control.lock:
            definition = task._backend.describe_task_definition(task.task_definition_arn)
        for plan in containers.plans(definition, task.overrides, task.id, place.region):
            path = self._machines.folder(place.uid) / plan.name / "output.log"
            if plan.stream and path.exists():
                self._forwarder.forward(place.account_id, plan.stream, path, last=True)

    def _card(self, place: Place) -> Card:
        task = place.task
        interface = Interface(task.id, (task.subnet_id,), task.group_ids, "task", task.private_ip)
        return Card(
            uid=place.uid,
            account_id=place.account_id,
            region=place.region,
            origin=Origin(interface=interface),
            names=(task.private_ip,),
            target=functools.partial(_target, place),
            session=task.id,
        )

    def _stopped(
        self, place: Place, reason: str, code: str, codes: dict[str, int], failures: dict[str, str]
    ) -> None:
        self._settle(place, "stopped", reason=reason, code=code, codes=codes, failures=failures)

    def _settle(self, place: Place, name: str, **arguments: Any) -> None:
        self._control.settle("ecs", place.account_id, place.region, name, task_id=place.task.id, **arguments)

    def _submit(self, uid: str, job: Any) -> None:
        self._runtime.reconciler.submit(f"ecs {uid}", job)

    def _places(self) -> list[Place]:
        with self._control.lock:
            return [
                Place(account, region, task)
                for account, region, backend in self._control.backends("ecs")
                for tasks in backend.tasks.values()
                for task in tasks.values()
                if task.status != STOPPED
            ]

    def shutdown(self) -> None:
        """End all tasks; those of services are replaced at the next start."""
        jobs = list(self._jobs.values())
        for job in jobs:
            for process in job.machine.alive():
                process.end(SHUTDOWN)
        for job in jobs:
            job.machine.end(SHUTDOWN)

    def engines(self) -> list[Engine]:
        """Return the containers that run."""
        found: list[Engine] = []
        for place in self._places():
            job = self._jobs.get(place.uid)
            for name, process in (job.processes if job else {}).items():
                label = f"{place.task.id}/{name}"
                found.append({"name": label, "kind": "ecs", "status": place.task.status, "pid": process.pid})
        return found


def _target(place: Place, port: int) -> Target:
    task = place.task
    return Target(
        name=task.id,
        vpc_id=task.vpc_id,
        subnet_ids=(task.subnet_id,),
        security_group_ids=task.group_ids,
        publicly_accessible=task.assign_public_ip,
        port=port,
        region=place.region,
        account_id=place.account_id,
        noun="task",
    )
