"""What the controllers of the services share: one front door, one network model, one reconciler."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from localaws.addresses import Address, Addresses
    from localaws.certificates import CertificateAuthority
    from localaws.cloudwatch.sampler import Sampler
    from localaws.control import ControlPlane
    from localaws.hosts.identities import Identities
    from localaws.hosts.machines import Machines
    from localaws.network import Network
    from localaws.reconcile import Reconciler
    from localaws.relay import Endpoint, Front

ATTEMPTS = 3
"""Another program may take an address between its claim and its use."""


@dataclass(frozen=True)
class Runtime:
    """The running parts behind the model."""

    control: ControlPlane
    front: Front
    network: Network
    addresses: Addresses
    certificates: CertificateAuthority
    reconciler: Reconciler
    sampler: Sampler
    identities: Identities
    machines: Machines

    @classmethod
    def begin(cls, control: ControlPlane) -> Runtime:
        """Start the front and the reconciler; imports happen here because many accounts never need them."""
        from localaws.addresses import Addresses
        from localaws.certificates import CertificateAuthority
        from localaws.cloudwatch.sampler import Sampler
        from localaws.hosts.identities import Identities
        from localaws.hosts.machines import Machines
        from localaws.network import Network
        from localaws.reconcile import Reconciler
        from localaws.relay import Front

        state = control.state
        network = Network(control)
        front = Front(network)
        addresses = Addresses(state.path / "addresses.json", seed=state.identity().seed)
        reconciler = Reconciler(functools.partial(state.write_json, "engines.json"))
        identities = Identities()
        runtime = cls(
            control=control,
            front=front,
            network=network,
            addresses=addresses,
            certificates=CertificateAuthority(state.ca_dir),
            reconciler=reconciler,
            sampler=Sampler(control),
            identities=identities,
            machines=Machines(control, front, addresses, identities, reconciler.wake),
        )
        runtime.front.recognise = runtime.identities.recognise
        runtime.machines.clear()
        runtime.front.start()
        runtime.reconciler.start()
        runtime.sampler.start()
        control.subscribe(runtime.reconciler.wake)
        return runtime

    def listen(self, name: str, port: int, describe: Callable[[Address], Endpoint]) -> Address:
        """Open an endpoint at an address that it claims, and return the address."""
        from localaws.relay.front import EndpointError

        for attempt in range(1, ATTEMPTS + 1):
            address = self.addresses.claim(name, port)
            try:
                self.front.open(describe(address))
                return address
            except EndpointError:
                self.addresses.release(name)
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def end(self) -> None:
        """Stop the sampler, then the reconciler with the controllers and their engines, then the front."""
        self.sampler.stop()
        self.reconciler.stop()
        self.front.stop()
