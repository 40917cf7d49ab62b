"""The certificate authority of one state: signs a server certificate for every endpoint."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from localaws.errors import LocalawsError

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_CA_DAYS = 365 * 40
_SERVER_DAYS = 397
_RENEW_DAYS = 30


class CertificateError(LocalawsError):
    """The certificate authority's files cannot be read."""


@dataclass(frozen=True)
class Certificate:
    """A server certificate: its chain and its key, both PEM files with mode 0600."""

    chain: Path
    key: Path
    names: tuple[str, ...]
    not_after: datetime.datetime

    def context(self, *, protocol: str | None = None) -> ssl.SSLContext:
        """Return a server-side TLS context; `protocol` is what ALPN offers, for direct TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0
        context.load_cert_chain(self.chain, self.key)
        if protocol:
            context.set_alpn_protocols([protocol])
        return context


def endpoint_name(identifier: str, *, region: str, seed: str, service: str = "rds") -> str:
    """Return the DNS name that AWS would give, for example `shop.c1a2b3c4d5e6.us-east-1.rds.amazonaws.com`.

    `seed` stands for the account and its state: the same one gives the same hash.
    """
    digest = hashlib.sha256(f"{seed}:{region}".encode()).digest()
    label = "c" + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:11])
    return f"{identifier.lower()}.{label}.{region}.{service}.amazonaws.com"


class CertificateAuthority:
    """Keeps `ca.pem`, `ca.key`, `bundle.pem` and one certificate per endpoint in its folder."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self.bundle = directory / "bundle.pem"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._certificate, self._key = self._load_or_create()

    def issue(self, name: str, *, addresses: Iterable[str], names: Iterable[str]) -> Certificate:
        """Return the endpoint's certificate; the one on disk while it fits and is not about to end."""
        wanted = (*sorted(set(addresses)), *sorted(set(names)))
        slug = hashlib.sha256(name.encode()).hexdigest()[:24]
        chain, key = self._directory / f"{slug}.pem", self._directory / f"{slug}.key"
        with self._lock:
            found = _reusable(chain, key, wanted)
            return found or self._sign(chain, key, wanted)

    def forget(self, name: str) -> None:
        """Remove an endpoint's certificate and key."""
        slug = hashlib.sha256(name.encode()).hexdigest()[:24]
        for suffix in ("pem", "key"):
            (self._directory / f"{slug}.{suffix}").unlink(missing_ok=True)

    def _load_or_create(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        chain, key = self._directory / "ca.pem", self._directory / "ca.key"
        if not key.exists() or not chain.exists():
            self._create(chain, key)
        try:
            certificate = x509.load_pem_x509_certificate(chain.read_bytes())
            private = serialization.load_pem_private_key(key.read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise CertificateError(
                f"The certificate authority in {self._directory} cannot be read ({error}). "
                "Remove ca.pem and ca.key there and start again: clients then need the new bundle.pem."
            ) from error
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise CertificateError(f"{key} is not a key of localaws. Remove it and ca.pem, and start again.")
        if not self.bundle.exists():
            _write(self.bundle, chain.read_bytes())
        return certificate, private

    def _create(self, chain: Path, key: Path) -> None:
        private = ec.generate_private_key(ec.SECP256R1())
        subject = _subject("Amazon RDS localaws Root CA ECC256 G1")
        usage = _key_usage(certificate_authority=True)
        builder = (
            _builder(subject, subject, private.public_key(), _CA_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        )
        certificate = builder.sign(private, hashes.SHA256())
        _write(key, _private_pem(private))
        _write(chain, certificate.public_bytes(serialization.Encoding.PEM))
        _write(self.bundle, certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, chain: Path, key: Path, names: tuple[str, ...]) -> Certificate:
        private = ec.generate_private_key(ec.SECP256R1())
        common = next((name for name in names if not _is_address(name)), names[0])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        builder = (
            _builder(_subject(common[:64]), self._certificate.subject, private.public_key(), _SERVER_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(alternatives, critical=False)
            .add_extension(_key_usage(certificate_authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
            .add_extension(issuer, critical=False)
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        _write(key, _private_pem(private))
        _write(chain, certificate.public_bytes(serialization.Encoding.PEM))
        return Certificate(chain=chain, key=key, names=names, not_after=certificate.not_valid_after_utc)


def _reusable(chain: Path, key: Path, names: tuple[str, ...]) -> Certificate | None:
    if not chain.exists() or not key.exists():
        return None
    certificate = x509.load_pem_x509_certificate(chain.read_bytes())
    present = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    same = {str(name.value) for name in present} == set(names)
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    if not same or left < datetime.timedelta(days=_RENEW_DAYS):
        return None
    return Certificate(chain=chain, key=key, names=names, not_after=certificate.not_valid_after_utc)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "localaws"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, certificate_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificate_authority,
        crl_sign=certificate_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _general_name(name: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(name)) if _is_address(name) else x509.DNSName(name)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Replace a file with mode 0600, so that no reader ever sees half of it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
