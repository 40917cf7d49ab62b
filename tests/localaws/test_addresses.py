"""Loopback addresses of the endpoints."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest

from localaws.addresses import Address, AddressError, Addresses


@pytest.fixture
def addresses(tmp_path: Path) -> Addresses:
    return Addresses(tmp_path / "addresses.json", seed=str(tmp_path))


def listen(address: Address) -> socket.socket:
    listener = socket.create_server((address.address, address.port))
    listener.listen(1)
    return listener


def only_one_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behave as macOS does, where 127.0.0.1 is the only loopback address."""
    bind = socket.socket.bind

    def refuse(self: socket.socket, address: tuple[str, int]) -> None:
        if address[0] != "127.0.0.1":
            raise OSError(49, "Can't assign requested address")
        bind(self, address)

    monkeypatch.setattr(socket.socket, "bind", refuse)


def test_every_endpoint_keeps_its_port_on_an_address_of_its_own(addresses: Addresses) -> None:
    first, second = addresses.claim("rds:a", 5432), addresses.claim("rds:b", 5432)
    assert (first.port, second.port) == (5432, 5432)
    assert first.address != second.address
    assert first.address.startswith("127.")


def test_addresses_are_remembered_by_their_state(tmp_path: Path, addresses: Addresses) -> None:
    first = addresses.claim("rds:a", 5432)
    again = Addresses(tmp_path / "addresses.json", seed=str(tmp_path))
    assert again.get("rds:a") == first
    assert again.claim("rds:a", 5432) == first
    assert stat.S_IMODE((tmp_path / "addresses.json").stat().st_mode) == 0o600
    assert list(json.loads((tmp_path / "addresses.json").read_text())) == ["rds:a"]


def test_an_address_that_somebody_took_meanwhile_is_replaced(tmp_path: Path, addresses: Addresses) -> None:
    first = addresses.claim("rds:a", 5432)
    with listen(first):
        moved = Addresses(tmp_path / "addresses.json", seed=str(tmp_path)).claim("rds:a", 5432)
    assert moved != first
    assert moved.port == 5432


def test_another_port_keeps_the_address(addresses: Addresses) -> None:
    first = addresses.claim("rds:a", 5432)
    assert addresses.claim("rds:a", 6000) == Address(first.address, 6000)


def test_a_released_address_is_free_for_another(addresses: Addresses) -> None:
    first = addresses.claim("rds:a", 5432)
    addresses.release("rds:a")
    assert addresses.get("rds:a") is None
    assert addresses.claim("rds:b", 5432) == first


def test_where_only_one_loopback_exists_the_port_comes_from_the_range(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_one_loopback(monkeypatch)
    first, second = addresses.claim("rds:a", 5432), addresses.claim("rds:b", 5432)
    assert {first.address, second.address} == {"127.0.0.1"}
    assert first.port != second.port
    assert addresses.claim("rds:a", 5432) == first


def test_when_nothing_is_free_the_message_names_the_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_one_loopback(monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        addresses = Addresses(tmp_path / "addresses.json", seed="x", ports=range(port, port + 1))
        with pytest.raises(AddressError, match=f"from {port} to {port}"):
            addresses.claim("rds:a", 5432)


def test_the_range_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_one_loopback(monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    monkeypatch.setenv("LOCALAWS_ENDPOINT_PORTS", f"{port}-{port}")
    assert Addresses(tmp_path / "addresses.json", seed="x").claim("rds:a", 5432).port == port
    monkeypatch.setenv("LOCALAWS_ENDPOINT_PORTS", "many")
    with pytest.raises(AddressError, match="a range of ports"):
        Addresses(tmp_path / "addresses.json", seed="x")


def test_a_damaged_file_costs_only_the_memory(tmp_path: Path) -> None:
    (tmp_path / "addresses.json").write_text('{"rds:a": ')
    assert Addresses(tmp_path / "addresses.json", seed="x").claim("rds:a", 5432).port == 5432
