"""A loopback address of its own for every endpoint, so that each one keeps the port that was asked for."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from localaws.errors import LocalawsError

FALLBACK = "127.0.0.1"
PORTS = "15432-16431"
"""Ports for machines whose only loopback address is 127.0.0.1 (macOS, some containers)."""
PORTS_VARIABLE = "LOCALAWS_ENDPOINT_PORTS"

_IN_USE = {errno.EADDRINUSE, errno.EACCES}


class AddressError(LocalawsError):
    """No address is free for an endpoint."""


@dataclass(frozen=True)
class Address:
    """Where an endpoint listens."""

    address: str
    port: int


class Addresses:
    """Claims addresses for endpoints and remembers them in `addresses.json`.

    `seed` tells users and states apart: each has a /24 of 127.0.0.0/8. `ports` is the range for machines
    where only 127.0.0.1 can be bound, and for ports that somebody else holds on every address; without
    it LOCALAWS_ENDPOINT_PORTS counts, for example 20000-20999.
    """

    def __init__(self, path: Path, *, seed: str, ports: range | None = None) -> None:
        self._path = path
        self._ports = ports or _chosen_ports()
        self._lock = threading.Lock()
        digest = hashlib.sha256(f"{os.getuid()}:{seed}".encode()).digest()
        self._prefix = f"127.{64 + digest[0] % 128}.{digest[1]}"
        self._claims = _read(path)
        self._held: set[str] = set()

    def claim(self, name: str, port: int) -> Address:
        """Return the endpoint's address; the remembered one while the port is the same and it can be bound.

        A claim made since the start is not probed again: the endpoint may be listening. Release it first
        when opening it failed.
        """
        with self._lock:
            known = self._claims.get(name)
            if known and known[0] == port and (name in self._held or _free(known[1])):
                self._held.add(name)
                return known[1]
            found = next(filter(_free, self._candidates(name, port)), None)
            if found is None:
                raise AddressError(
                    f"No loopback address is free for {name} on port {port}, nor a port from "
                    f"{self._ports.start} to {self._ports.stop - 1} on {FALLBACK}. "
                    "Stop what listens there, or choose another port."
                )
            self._claims[name] = (port, found)
            self._held.add(name)
            self._save()
            return found

    def get(self, name: str) -> Address | None:
        """Return the address that an endpoint has claimed."""
        with self._lock:
            known = self._claims.get(name)
            return known[1] if known else None

    def release(self, name: str) -> None:
        """Give an endpoint's address back."""
        with self._lock:
            self._held.discard(name)
            if self._claims.pop(name, None):
                self._save()

    def _candidates(self, name: str, port: int) -> Iterator[Address]:
        """Own addresses with the asked port first; another port only when that port is taken everywhere."""
        others = {address for other, (_, address) in self._claims.items() if other != name}
        taken = {address.address for address in others}
        shared = [at for at in (Address(FALLBACK, other) for other in self._ports) if at not in others]
        if not _bindable(f"{self._prefix}.1"):
            yield from shared
            return
        known = self._claims.get(name)
        if known and known[1].address != FALLBACK:
            yield Address(known[1].address, port)
        for host in range(1, 255):
            if f"{self._prefix}.{host}" not in taken:
                yield Address(f"{self._prefix}.{host}", port)
        yield from shared

    def _save(self) -> None:
        content = {name: {"asked": asked, **asdict(at)} for name, (asked, at) in self._claims.items()}
        part = self._path.with_suffix(".new")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file, indent=1)
        part.replace(self._path)


def _read(path: Path) -> dict[str, tuple[int, Address]]:
    """Return what is remembered; a damaged file only costs the endpoints their former addresses."""
    try:
        content = json.loads(path.read_text())
        return {
            name: (int(item["asked"]), Address(str(item["address"]), int(item["port"])))
            for name, item in content.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _chosen_ports() -> range:
    text = os.environ.get(PORTS_VARIABLE, PORTS)
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and 0 < int(first) <= int(last) < 65536):
        raise AddressError(f"{PORTS_VARIABLE} is {text!r}. Give a range of ports, for example {PORTS}.")
    return range(int(first), int(last) + 1)


def _bindable(address: str) -> bool:
    """Whether the machine has this loopback address at all."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _free(address: Address) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.address, address.port))
            probe.listen(1)
        except OSError as error:
            if error.errno in _IN_USE or error.errno == errno.EADDRNOTAVAIL:
                return False
            raise
    return True
