"""The endpoints of DB instances: address, certificate and the front's door, opened and moved together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from localaws.addresses import Address
from localaws.engines.postgres import PostgresServer
from localaws.rds.view import InstanceView, Model
from localaws.relay import Endpoint
from localaws.relay.front import EndpointError

if TYPE_CHECKING:
    from localaws.runtime import Runtime

ATTEMPTS = 3
"""Another program may take an address between its claim and its use."""


class Doors:
    """Opens, moves and closes the endpoint of each instance; an endpoint's name is the DbiResourceId."""

    def __init__(self, model: Model, runtime: Runtime) -> None:
        self._model = model
        self._runtime = runtime
        self._open: dict[str, tuple[Address, str]] = {}

    def open(self, view: InstanceView, server: PostgresServer) -> Address:
        """Lead the instance's endpoint to a running server, and return where it listens."""
        name = view.place.id
        address = self._runtime.addresses.claim(name, view.port)
        if self._open.get(name) == (address, view.dns_name):
            self._runtime.front.update(name, force_tls=view.force_ssl)
            self._runtime.front.retarget(name, server.socket)
            return address
        address = self._listen(view, server, address)
        self._open[name] = (address, view.dns_name)
        return address

    def reserve(self, view: InstanceView) -> Address:
        """Return where the endpoint of a stopped instance will listen."""
        return self._runtime.addresses.claim(view.place.id, view.port)

    def _listen(self, view: InstanceView, server: PostgresServer, address: Address) -> Address:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._runtime.front.open(self._endpoint(view, server, address))
                return address
            except EndpointError:
                self._runtime.addresses.release(view.place.id)
                if attempt == ATTEMPTS:
                    raise
                address = self._runtime.addresses.claim(view.place.id, view.port)
        raise AssertionError("unreachable")

    def _endpoint(self, view: InstanceView, server: PostgresServer, address: Address) -> Endpoint:
        certificate = self._runtime.certificates.issue(
            view.place.id, addresses=[address.address], names=[view.dns_name]
        )
        return Endpoint(
            name=view.place.id,
            kind="postgres",
            address=address.address,
            port=address.port,
            server=server.socket,
            target=lambda: self._model.target(view.place),
            certificate=certificate,
            names=(view.dns_name,),
            force_tls=view.force_ssl,
            log=server.append_log,
        )

    def update(self, view: InstanceView) -> None:
        """Have new connections treated as the instance's parameters say."""
        if view.place.id in self._open:
            self._runtime.front.update(view.place.id, force_tls=view.force_ssl)

    def point(self, name: str, server: Path | None) -> None:
        """Lead an open endpoint to another server, or (None) refuse for as long as there is none."""
        if name in self._open:
            self._runtime.front.retarget(name, server)

    def close(self, name: str) -> None:
        """Stop listening; the address stays claimed."""
        self._runtime.front.close(name)
        self._open.pop(name, None)

    def forget(self, name: str) -> None:
        """Close for good: give the address back and destroy the certificate."""
        self.close(name)
        self._runtime.addresses.release(name)
        self._runtime.certificates.forget(name)
