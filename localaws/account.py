"""A loaded account: moto's services with their extensions, the model, and what runs behind it."""

from __future__ import annotations

import logging
import threading

from localaws.bridge import backends
from localaws.bridge.dispatch import Dispatcher
from localaws.cloudtrail.recorder import Recorder
from localaws.control import ControlPlane
from localaws.errors import LocalawsError
from localaws.iam.guard import Guard
from localaws.iam.identity import Directory
from localaws.runtime import Runtime
from localaws.services import SERVICES, Services
from localaws.state import StateDir

log = logging.getLogger("localaws")

HOUSEKEEPING_SECONDS = 2.0


class Account:
    """Everything of one state folder that is in memory."""

    def __init__(self, control: ControlPlane) -> None:
        self.control = control
        self._runtime: Runtime | None = None
        self._ending = threading.Event()

    @classmethod
    def load(cls, state: StateDir) -> Account:
        """Load moto, bring the model back, and start the controllers of the services that have something."""
        control = ControlPlane(state)
        account = cls(control)
        services = Services(control, account.runtime)
        dispatcher = Dispatcher()
        control.attach(dispatcher, services)
        directory = Directory(state.credentials())
        control.guard = Guard(state, directory)
        control.trail = Recorder(state.trail_dir, directory, dispatcher.resolve, durable=state.durable)
        control.restore()
        control.trail.open()
        for service in set(SERVICES) & set(backends.services_in_use()):
            try:
                services.start(service)
            except LocalawsError:
                # The rest of the account is fine, and the next call to the service will say what is wrong.
                log.exception("%s has no servers", service)
        threading.Thread(target=account._keep_house, name="housekeeping", daemon=True).start()
        return account

    def runtime(self) -> Runtime:
        """Return what the controllers share, started at first use."""
        if self._runtime is None:
            self._runtime = Runtime.begin(self.control)
        return self._runtime

    def _keep_house(self) -> None:
        while not self._ending.wait(HOUSEKEEPING_SECONDS):
            self.control.checkpoint_when_idle()

    def close(self) -> None:
        """Stop the controllers and their engines, then write the model down."""
        self._ending.set()
        if self._runtime is not None:
            self._runtime.end()
        self.control.trail.close()
        self.control.close()
