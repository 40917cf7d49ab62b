"""The impostor and the server without TLS, against libpq itself."""

from typing import Any

import psycopg
import pytest

from labkit.impostor import Impostor


def call(port: int, **options: Any) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            host="db.example",
            hostaddr="127.0.0.1",
            port=port,
            user="app",
            password="secret",
            dbname="shop",
            connect_timeout=5,
            **options,
        )


@pytest.mark.parametrize("direct", [{}, {"sslnegotiation": "direct"}])
def test_a_careful_client_gives_nothing_away(direct: dict[str, str]) -> None:
    with Impostor("db.example", tls=True) as server:
        call(server.port, sslmode="verify-full", sslrootcert="system", **direct)
    assert server.callers == 1
    assert server.leaks == []


def test_a_trusting_client_gives_its_password() -> None:
    with Impostor("db.example", tls=True) as server:
        call(server.port, sslmode="require")
    assert server.leaks == ["its password over TLS, to a certificate of an unknown authority"]


def test_a_client_that_falls_back() -> None:
    with Impostor("127.0.0.1", tls=False) as server:
        call(server.port, sslmode="prefer")
    assert server.leaks == ["its password without TLS, after the server had refused it"]


def test_a_client_that_insists() -> None:
    with Impostor("127.0.0.1", tls=False) as server:
        call(server.port, sslmode="require")
    assert (server.callers, server.leaks) == (1, [])


def test_a_client_that_never_asks() -> None:
    with Impostor("127.0.0.1", tls=False) as server:
        call(server.port, sslmode="disable")
    assert server.leaks == ["its password without TLS"]
