"""Connections to a real server behind a private endpoint, and what is said when they fail."""

import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import labkit
from labkit.errors import ConnectionFailed, LabkitError, TunnelError

from .conftest import Lab

LOGIN: dict[str, Any] = {"user": "boss", "password": "correct-horse-1", "dbname": "shop"}


def test_the_app_host_is_a_way_in_and_tls_is_verified(local: Lab) -> None:
    with labkit.connect(local.database, through=local.app_host, **LOGIN) as conn:
        row = conn.execute("select current_user, current_database()").fetchone()
        tunnel = conn.tunnel
        assert tunnel is not None
        assert conn.pgconn.ssl_in_use
        assert not tunnel.closed
    assert row == ("boss", "shop")
    assert tunnel.closed


def test_the_endpoint_may_be_a_dict_or_an_address(local: Lab) -> None:
    endpoint = local.database["Endpoint"]
    for form in (endpoint, endpoint["Address"]):
        with labkit.connect(form, through=local.app_host, port=endpoint["Port"], **LOGIN) as conn:
            assert conn.execute("select 1").fetchone() == (1,)


def test_from_outside_the_refusal_is_one_line_with_the_way_in(local: Lab) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"not publicly accessible.*labkit.through") as caught:
        labkit.connect(local.database, **LOGIN)
    assert isinstance(caught.value, ConnectionFailed)
    assert "\n" not in str(caught.value)


def test_a_wrong_password_says_so(local: Lab) -> None:
    with pytest.raises(ConnectionFailed, match="Wrong user name or password"):
        labkit.connect(local.database, through=local.app_host, **LOGIN | {"password": "wrong"})


def test_another_authority_is_not_trusted(local: Lab, tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed, match="not signed by the bundle"):
        labkit.connect(
            local.database, through=local.app_host, sslrootcert=another_authority(tmp_path), **LOGIN
        )


def test_a_database_that_is_being_created_has_no_endpoint() -> None:
    with pytest.raises(LabkitError, match="db_instance_available"):
        labkit.connect({"DBInstanceIdentifier": "new", "DBInstanceStatus": "creating"}, **LOGIN)


def test_a_tunnel_carries_any_client_until_it_is_closed(local: Lab) -> None:
    endpoint = local.database["Endpoint"]
    with labkit.through(local.app_host, endpoint["Address"], endpoint["Port"]) as tunnel:
        conninfo: dict[str, Any] = {"host": endpoint["Address"], "hostaddr": tunnel.host, "port": tunnel.port}
        with psycopg.connect(
            **conninfo, **LOGIN, sslmode="verify-full", sslrootcert=labkit.ca_bundle(), connect_timeout=10
        ) as conn:
            assert conn.execute("select 1").fetchone() == (1,)
    tunnel.close()
    assert "(closed)" in repr(tunnel)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**conninfo, **LOGIN, connect_timeout=5)


def test_an_unknown_host_is_no_way_in(local: Lab) -> None:
    with pytest.raises(TunnelError, match="must be running"):
        labkit.through("i-0123456789abcdef0", "10.0.0.1")


def another_authority(folder: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody else")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    file = folder / "other.pem"
    file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return str(file)
