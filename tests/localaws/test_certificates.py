"""The certificate authority of a state."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509

from localaws.certificates import CertificateAuthority, CertificateError, endpoint_name

ADDRESS = "127.0.0.1"
NAME = "shop.cabcdefghijk.us-east-1.rds.amazonaws.com"


def greet(authority: CertificateAuthority, bundle: Path, host: str) -> str | None:
    """Shake hands as a strict client that expects `host`; return the TLS version."""
    server_side, client_side = socket.socketpair()
    certificate = authority.issue("shop", addresses=[ADDRESS], names=[NAME])

    def serve() -> None:
        try:
            certificate.context().wrap_socket(server_side, server_side=True).close()
        except (ssl.SSLError, OSError):
            server_side.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        context = ssl.create_default_context(cafile=bundle)
        with context.wrap_socket(client_side, server_hostname=host) as secure:
            return secure.version()
    finally:
        client_side.close()
        thread.join()


@pytest.mark.parametrize("host", [ADDRESS, NAME])
def test_a_strict_client_accepts_the_endpoint_by_address_and_by_name(tmp_path: Path, host: str) -> None:
    authority = CertificateAuthority(tmp_path / "ca")
    assert greet(authority, authority.bundle, host) == "TLSv1.3"


def test_a_strict_client_refuses_another_name_and_another_authority(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path / "ca")
    stranger = CertificateAuthority(tmp_path / "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(authority, authority.bundle, "other.example.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(authority, stranger.bundle, NAME)


def test_the_same_authority_and_certificate_come_back(tmp_path: Path) -> None:
    first = CertificateAuthority(tmp_path / "ca")
    chain = first.issue("shop", addresses=[ADDRESS], names=[NAME]).chain.read_bytes()
    again = CertificateAuthority(tmp_path / "ca")
    assert again.bundle.read_bytes() == first.bundle.read_bytes()
    assert again.issue("shop", addresses=[ADDRESS], names=[NAME]).chain.read_bytes() == chain
    moved = again.issue("shop", addresses=["127.0.0.2"], names=[NAME])
    assert moved.chain.read_bytes() != chain


def test_nobody_else_can_read_the_keys(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path / "ca")
    authority.issue("shop", addresses=[ADDRESS], names=[NAME])
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "ca").iterdir()}
    assert modes == {0o600}


def test_a_forgotten_endpoint_leaves_no_key(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path / "ca")
    certificate = authority.issue("shop", addresses=[ADDRESS], names=[NAME])
    authority.forget("shop")
    assert not certificate.key.exists()
    assert not certificate.chain.exists()


def test_the_authority_names_itself_like_that_of_rds(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path / "ca")
    certificate = x509.load_pem_x509_certificate(authority.bundle.read_bytes())
    assert "Amazon RDS" in certificate.subject.rfc4514_string()


def test_a_damaged_authority_says_what_to_do(tmp_path: Path) -> None:
    CertificateAuthority(tmp_path / "ca")
    (tmp_path / "ca" / "ca.key").write_text("not a key")
    with pytest.raises(CertificateError, match=r"Remove ca\.pem and ca\.key"):
        CertificateAuthority(tmp_path / "ca")


def test_endpoint_names_have_the_shape_of_aws() -> None:
    name = endpoint_name("Shop", region="eu-west-1", seed="state")
    identifier, label, region, *rest = name.split(".")
    assert (identifier, region, ".".join(rest)) == ("shop", "eu-west-1", "rds.amazonaws.com")
    assert len(label) == 12
    assert name == endpoint_name("shop", region="eu-west-1", seed="state")
    assert name != endpoint_name("shop", region="eu-west-1", seed="another")
