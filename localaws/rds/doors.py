"""The endpoints of DB instances: address, certificate and the front's door, opened and moved together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from localaws.addresses import Address
from localaws.rds.tokens import Audience, Tokens
from localaws.rds.view import Model, Place
from localaws.relay import Endpoint, Kind

if TYPE_CHECKING:
    from localaws.runtime import Runtime


class Server(Protocol):
    """What an endpoint needs to know of a server."""

    @property
    def socket(self) -> Path:
        """Unix socket that it listens on."""

    def append_log(self, line: str) -> None:
        """Add a line to its log."""


class Described(Protocol):
    """What an endpoint needs to know of its instance."""

    @property
    def place(self) -> Place:
        """Where the model has it."""

    @property
    def dns_name(self) -> str:
        """Host name, for the certificate."""

    @property
    def port(self) -> int:
        """Port that is asked for."""

    @property
    def force_ssl(self) -> bool:
        """Whether plain text is refused."""


class Doors:
    """Opens, moves and closes the endpoint of each instance; an endpoint's name is the DbiResourceId."""

    def __init__(self, model: Model, runtime: Runtime, *, kind: Kind = "postgres") -> None:
        self._kind = kind
        self._model = model
        self._runtime = runtime
        self._tokens = Tokens(runtime.control)
        self._open: dict[str, tuple[Address, str]] = {}
        self._servers: dict[str, Server] = {}

    def open(self, view: Described, server: Server, *, reason: str = "") -> Address:
        """Lead the instance's endpoint to its server, and return where it listens.

        With a reason it leads nowhere, and clients are told.
        """
        name = view.place.id
        self._servers[name] = server
        address = self._runtime.addresses.claim(name, view.port)
        if self._open.get(name) == (address, view.dns_name):
            self._runtime.front.update(name, force_tls=view.force_ssl)
            self._runtime.front.retarget(name, None if reason else server.socket, reason=reason)
            return address
        address = self._runtime.listen(
            name, view.port, lambda address: self._endpoint(view, server, address, reason)
        )
        self._open[name] = (address, view.dns_name)
        return address

    def reserve(self, view: Described) -> Address:
        """Return where the endpoint of a stopped instance will listen."""
        return self._runtime.addresses.claim(view.place.id, view.port)

    def _endpoint(self, view: Described, server: Server, address: Address, reason: str) -> Endpoint:
        certificate = self._runtime.certificates.issue(
            view.place.id, addresses=[address.address], names=[view.dns_name]
        )
        return Endpoint(
            name=view.place.id,
            kind=self._kind,
            address=address.address,
            port=address.port,
            server=None if reason else server.socket,
            reason=reason,
            target=lambda: self._model.target(view.place),
            certificate=certificate,
            names=(view.dns_name,),
            force_tls=view.force_ssl,
            log=lambda line: self._servers[view.place.id].append_log(line),
            judge=self._tokens.judge(
                Audience(
                    account_id=view.place.account_id,
                    region=view.place.region,
                    hosts=(address.address, view.dns_name),
                    port=address.port,
                    resource_id=view.place.id,
                ),
                lambda: self._model.admits_tokens(view.place),
            ),
        )

    def update(self, view: Described) -> None:
        """Have new connections treated as the instance's parameters say."""
        if view.place.id in self._open:
            self._runtime.front.update(view.place.id, force_tls=view.force_ssl)

    def point(self, name: str, server: Server | None, reason: str = "") -> None:
        """Lead an open endpoint to another server, or (None) refuse, with a reason, while there is none."""
        if server is not None:
            self._servers[name] = server
        if name in self._open:
            self._runtime.front.retarget(name, server.socket if server else None, reason=reason)

    def close(self, name: str) -> None:
        """Stop listening; the address stays claimed."""
        self._runtime.front.close(name)
        self._open.pop(name, None)

    def is_open(self, name: str) -> bool:
        """Whether the endpoint listens."""
        return name in self._open

    def forget(self, name: str) -> None:
        """Close for good: give the address back and destroy the certificate."""
        self.close(name)
        self._runtime.addresses.release(name)
        self._runtime.certificates.forget(name)
