"""Systems Manager's model: moto's, with commands that run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random
from moto.ssm.models import SimpleSystemManagerBackend
from moto.ssm.urls import url_bases

from localaws.bridge.ec2 import Ec2View
from localaws.ssm import commands
from localaws.ssm.commands import Command, Invocation
from localaws.ssm.sessions import why_not


class SsmBackend(SimpleSystemManagerBackend):
    """One account and Region."""

    @property
    def _url_module(self) -> Any:
        from localaws.ssm.responses import SsmResponse

        return SimpleNamespace(url_bases=url_bases, url_paths={"{0}/$": SsmResponse.dispatch})

    def send(self, asked: dict[str, Any]) -> Command:
        """SendCommand; `asked` is spelled as in the API."""
        lines, directory, execution, delivery = commands.checked(asked)
        view = Ec2View.born(self.account_id, self.region_name)
        managed = [host for host in view.hosts() if why_not(host) is None]
        hosts = commands.chosen(asked, managed, self.account_id)
        command = Command(
            command_id=str(mock_random.uuid4()),
            account_id=self.account_id,
            region=self.region_name,
            requested=utcnow(),
            commands=lines,
            directory=directory,
            execution_timeout=execution,
            delivery_timeout=delivery,
            asked=asked,
            invocations={host.id: Invocation(host.id, commands.named(host)) for host in hosts},
            none_matched=not hosts,
        )
        commands.kept(self)[command.command_id] = command
        return command

    def cancel(self, command_id: str, instance_ids: list[str]) -> None:
        """CancelCommand: what has not begun never will; what runs is ended."""
        command = commands.find(self, command_id)
        for invocation in command.invocations.values():
            if instance_ids and invocation.instance_id not in instance_ids:
                continue
            if invocation.status == "Pending":
                invocation.come("Cancelled")
                invocation.ended = utcnow()
            elif invocation.status == "InProgress":
                invocation.come("Cancelling")
