"""The impostor of the TLS section: what each sslmode gives away to it."""

from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives import serialization

from labkit import impostor as rooms
from labkit.impostor import Impostor

ADDRESS = "127.0.0.1"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """An authority that has nothing to do with the impostor's."""
    certificate, _ = rooms._certificate("Another authority", None, None, ADDRESS)
    file = tmp_path / "ca.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return file


def call(server: Impostor, **tls: object) -> None:
    target = {"host": ADDRESS, "port": server.port, "user": "app", "password": "s3cret", "dbname": "shop"}
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**target, connect_timeout=5, **tls)  # type: ignore[arg-type]


def test_require_hands_over_the_password() -> None:
    with Impostor(ADDRESS, tls=True) as server:
        call(server, sslmode="require")
    assert [leak.split(" over")[0] for leak in server.leaks] == ["its password"]


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_client_that_verifies_gives_nothing_away(mode: str, bundle: Path) -> None:
    with Impostor(ADDRESS, tls=True) as server:
        call(server, sslmode=mode, sslrootcert=str(bundle))
    assert server.callers == 1
    assert server.leaks == []


def test_a_server_without_tls_gets_nothing_from_a_client_that_insists() -> None:
    with Impostor(ADDRESS, tls=False) as server:
        call(server, sslmode="require")
    assert server.callers == 1
    assert server.leaks == []
