"""Servers that a careful client refuses: one with another authority's certificate, one without TLS."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import tempfile
import threading
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
TLS_HANDSHAKE = 0x16
ASK_PASSWORD = b"R" + struct.pack("!II", 8, 3)
PATIENCE_S = 5.0


class Impostor:
    """Pretends to be the PostgreSQL server `host`; `leaks` says what its callers gave away.

    With `tls` it answers with a certificate for the right name, from an authority that nobody trusts;
    without, it says that it has no TLS.
    """

    def __init__(self, host: str, *, tls: bool) -> None:
        self.callers = 0
        self.leaks: list[str] = []
        self._context = _context(host) if tls else None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "Impostor":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # shutdown wakes the thread out of accept
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_S * 2)

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            self.callers += 1
            # a caller that hangs up, or refuses the certificate, is what we hope for
            with caller, contextlib.suppress(OSError):
                caller.settimeout(PATIENCE_S)
                self._receive(caller)

    def _receive(self, caller: socket.socket) -> None:
        while True:
            head = caller.recv(8, socket.MSG_PEEK | socket.MSG_WAITALL)
            if len(head) < 8:
                return
            direct = head[0] == TLS_HANDSHAKE
            code = struct.unpack("!II", head)[1]
            if direct or code == SSL_REQUEST:
                self._answer_tls(caller, direct)
                return
            if code != GSS_REQUEST:
                self._listen(caller, "without TLS")
                return
            caller.recv(8)
            caller.sendall(b"N")

    def _answer_tls(self, caller: socket.socket, direct: bool) -> None:
        if not direct:
            caller.recv(8)
            caller.sendall(b"N" if self._context is None else b"S")
        if self._context is None:
            self._listen(caller, "without TLS, after the server had refused it")
            return
        with self._context.wrap_socket(caller, server_side=True) as secured:
            self._listen(secured, "over TLS, to a certificate of an unknown authority")

    def _listen(self, caller: socket.socket, how: str) -> None:
        if not caller.recv(4096):
            return
        leak = "its user name"
        caller.sendall(ASK_PASSWORD)
        with contextlib.suppress(OSError):
            if caller.recv(4096)[:1] == b"p":
                leak = "its password"
        self.leaks.append(f"{leak} {how}")


def _context(host: str) -> ssl.SSLContext:
    authority, authority_key = _certificate("An authority that nobody trusts", None, None, host)
    leaf, leaf_key = _certificate(host, authority, authority_key, host)
    pem = serialization.Encoding.PEM
    key = leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # clients that start with TLS at once insist on PostgreSQL's protocol name
    context.set_alpn_protocols(["postgresql"])
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "chain.pem"
        chain.write_bytes(key + leaf.public_bytes(pem) + authority.public_bytes(pem))
        context.load_cert_chain(chain)
    return context


def _certificate(
    name: str, issuer: x509.Certificate | None, issuer_key: ec.EllipticCurvePrivateKey | None, host: str
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
    return builder.sign(issuer_key or key, hashes.SHA256()), key


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
