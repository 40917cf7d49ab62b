"""The front doors: clients of a real PostgreSQL, through TLS, refusals, tunnels and slow networks."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import resource
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from localaws.engines.postgres import PostgresServer
from localaws.network import OUTSIDE_IP, Origin, Refusal
from localaws.relay import Front
from localaws.relay.front import EndpointError

from .fix_relay import DEADLINE, HOST_IP, NAME, Shop, eventually, open_shop, running_server

pytestmark = pytest.mark.engine

HOST = Origin("i-0123456789abcdef0")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_server() as made:
        yield made


@pytest.fixture
def shop(server: PostgresServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(server, tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("options", "secure"),
    [
        ({"sslmode": "disable"}, False),
        ({"sslmode": "prefer"}, True),
        ({"sslmode": "require"}, True),
        ({"sslmode": "verify-full"}, True),
        ({"sslmode": "verify-full", "sslnegotiation": "direct"}, True),
        ({"sslmode": "verify-full", "gssencmode": "prefer"}, True),
    ],
)
def test_every_way_to_connect_works(shop: Shop, options: dict[str, str], secure: bool) -> None:
    with shop.connect(**options) as connection:
        assert connection.execute("SELECT count(*) FROM generate_series(1, 100000)").fetchone() == (100000,)
        assert connection.pgconn.ssl_in_use == secure


def test_the_aws_name_is_verified_too(shop: Shop) -> None:
    address = {"host": NAME, "hostaddr": shop.endpoint.address, "sslmode": "verify-full"}
    shop.connect(**address).close()
    with pytest.raises(psycopg.OperationalError, match="certificate"):
        shop.connect(**{**address, "host": "shop.example.com"})


def test_a_refusal_reaches_the_client_with_its_reason(shop: Shop) -> None:
    shop.gate.refusal = Refusal('timed out on AWS: db "shop" is not publicly accessible.')
    for mode in ("disable", "require", "verify-full"):
        with pytest.raises(psycopg.OperationalError, match="timed out on AWS"):
            shop.connect(sslmode=mode)
    assert shop.log == []


def test_connections_that_exist_stay_when_the_network_changes(shop: Shop) -> None:
    with shop.connect(sslmode="require") as connection:
        shop.gate.refusal = Refusal("timed out on AWS: the rule is gone.")
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_wrong_password_is_the_servers_own_error_and_is_not_logged(shop: Shop) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        shop.connect(password="wrong")
    assert shop.log == []


def test_the_owner_of_the_service_cannot_log_in(shop: Shop) -> None:
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        shop.connect(user="rdsadmin")


def test_force_ssl_refuses_plain_sessions_as_rds_does(shop: Shop) -> None:
    shop.front.update("rds:shop", force_tls=True)
    with pytest.raises(psycopg.OperationalError) as caught:
        shop.connect(sslmode="disable")
    expected = f'no pg_hba.conf entry for host "{OUTSIDE_IP}", user "app", database "shop", no encryption'
    assert expected in str(caught.value)
    shop.connect(sslmode="require").close()


def test_the_log_tells_who_connected_and_how(shop: Shop) -> None:
    with shop.connect(sslmode="verify-full") as connection:
        pid = connection.info.backend_pid
    [line] = shop.log
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC:{OUTSIDE_IP}\(\d+\):app@shop:\[{pid}\]:"
        r"LOG:  connection authorized: "
        r"user=app database=shop SSL enabled \(protocol=TLSv1\.3, cipher=TLS_\w+, bits=\d+\)",
        line,
    )
    shop.connect(sslmode="disable").close()
    assert "SSL" not in shop.log[1]


def test_connections_are_listed_while_they_last(shop: Shop) -> None:
    with shop.connect(sslmode="require") as connection:
        [seen] = shop.front.connections("rds:shop")
        assert (seen.user, seen.database, seen.tls) == ("app", "shop", "TLSv1.3")
        assert seen.pid == connection.info.backend_pid
    eventually(lambda: shop.front.connections("rds:shop") == [])


def test_a_query_can_be_cancelled(shop: Shop) -> None:
    with shop.connect(sslmode="verify-full") as connection:
        timer = threading.Timer(0.2, connection.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(60)")
        timer.join()


@pytest.mark.parametrize("mode", ["disable", "require"])
def test_copies_arrive_whole_in_both_directions(shop: Shop, mode: str) -> None:
    rows = b"".join(b"%d\t%s\n" % (number, b"x" * 200) for number in range(50_000))
    with shop.connect(sslmode=mode) as connection:
        connection.execute("CREATE TEMPORARY TABLE load (id int, text text)")
        with connection.cursor().copy("COPY load FROM STDIN") as copy:
            copy.write(rows)
        with connection.cursor().copy("COPY (SELECT * FROM load ORDER BY id) TO STDOUT") as copy:
            assert b"".join(bytes(piece) for piece in copy) == rows


def test_a_client_that_does_not_read_holds_back_the_server(shop: Shop) -> None:
    with shop.connect(sslmode="require") as slow, shop.connect(sslmode="require") as other:
        pid = slow.info.backend_pid
        with slow.cursor().copy(
            "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100000)) TO STDOUT"
        ) as copy:
            waits = "SELECT wait_event FROM pg_stat_activity WHERE pid = %s"
            other.autocommit = True
            eventually(lambda: other.execute(waits, [pid]).fetchone() == ("ClientWrite",))
            assert sum(len(piece) for piece in copy) == 100_000 * 1001


def test_a_client_that_never_finishes_its_handshake_holds_up_nobody(shop: Shop) -> None:
    with shop.dial() as lazy:
        lazy.sendall(struct.pack("!II", 8, 80877103))
        assert lazy.recv(1) == b"S"
        lazy.sendall(b"\x16")
        shop.connect(sslmode="require").close()


def test_a_client_in_its_handshake_is_dropped_with_its_endpoint(shop: Shop) -> None:
    with shop.dial() as lazy:
        lazy.sendall(struct.pack("!II", 8, 80877103))
        assert lazy.recv(1) == b"S"
        lazy.sendall(b"\x16\x03")
        shop.connect(sslmode="require").close()
        shop.front.close("rds:shop")
        with contextlib.suppress(ConnectionResetError):
            assert lazy.recv(1) == b""


def test_when_no_file_can_be_opened_clients_are_turned_away_and_others_go_on(shop: Shop) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with shop.connect(sslmode="disable") as connection, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(3)]
        highest = max(client.fileno() for client in clients)
        fillers = [stack.enter_context(Path("/dev/null").open()) for _ in range(3)]
        assert max(filler.fileno() for filler in fillers) >= highest
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(filler.fileno() for filler in fillers) + 1, hard))
        try:
            for client in clients:
                client.settimeout(DEADLINE)
                client.connect((shop.endpoint.address, shop.endpoint.port))
            for client in clients:
                with contextlib.suppress(ConnectionResetError):
                    assert client.recv(1) == b""
            assert connection.execute("SELECT 1").fetchone() == (1,)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    shop.connect(sslmode="require").close()


def test_a_client_that_speaks_another_protocol_is_hung_up_on(shop: Shop) -> None:
    with shop.dial() as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert stranger.recv(100) == b""
        except ConnectionResetError:
            return


def test_a_half_closed_client_still_gets_its_answer(shop: Shop) -> None:
    with shop.dial() as client:
        startup = b"user\0app\0database\0shop\0\0"
        client.sendall(struct.pack("!II", len(startup) + 8, 196608) + startup)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b"R"


def test_the_servers_last_words_reach_the_client(shop: Shop) -> None:
    with shop.connect(sslmode="require") as victim, shop.connect() as other:
        other.execute("SELECT pg_terminate_backend(%s)", [victim.info.backend_pid])
        with pytest.raises(psycopg.OperationalError, match="terminating connection due to administrator"):
            victim.execute("SELECT 1")


def test_without_a_server_new_connections_are_told_to_wait(shop: Shop, server: PostgresServer) -> None:
    with shop.connect(sslmode="require"):
        shop.front.retarget("rds:shop", None)
        with pytest.raises(psycopg.OperationalError, match="not available"):
            shop.connect(sslmode="require")
        eventually(lambda: shop.front.connections("rds:shop") == [])
    shop.front.retarget("rds:shop", server.socket)
    shop.connect(sslmode="require").close()


def test_another_server_drops_connections_and_the_same_one_keeps_them(
    shop: Shop, server: PostgresServer
) -> None:
    with shop.connect(sslmode="require") as connection:
        shop.front.retarget("rds:shop", server.socket)
        assert connection.execute("SELECT 1").fetchone() == (1,)
        shop.front.retarget("rds:shop", server.socket.with_name("promoted"))
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_a_tunnel_carries_the_hosts_identity(shop: Shop) -> None:
    tunnel = shop.front.tunnel(HOST, shop.endpoint.address, 5432)
    through = {"hostaddr": "127.0.0.1", "port": tunnel.listen_port, "sslmode": "verify-full"}
    with shop.connect(**through):
        [seen] = shop.front.connections("rds:shop")
        assert (seen.origin, seen.host) == (HOST, HOST_IP)
        assert HOST_IP in shop.log[0]
    with shop.connect(**through) as connection:
        tunnel.close()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        shop.connect(**through)


def test_a_tunnel_to_the_aws_name_arrives_and_one_to_nowhere_says_so(shop: Shop) -> None:
    by_name = shop.front.tunnel(HOST, NAME.upper(), 5432)
    shop.connect(hostaddr="127.0.0.1", port=by_name.listen_port, sslmode="verify-full").close()
    nowhere = shop.front.tunnel(HOST, "10.0.0.99", 5432)
    with pytest.raises(psycopg.OperationalError, match=r"nothing listens at 10\.0\.0\.99:5432"):
        shop.connect(hostaddr="127.0.0.1", port=nowhere.listen_port, sslmode="disable")


def test_a_closed_endpoint_listens_no_more(shop: Shop) -> None:
    shop.front.close("rds:shop")
    with pytest.raises(ConnectionRefusedError):
        shop.dial()
    with pytest.raises(EndpointError, match="not open"):
        shop.front.connections("rds:shop")


def test_an_endpoint_that_is_opened_anew_refuses_nobody_meanwhile(shop: Shop) -> None:
    refused, ended = [], threading.Event()

    def knock() -> None:
        while not ended.is_set():
            try:
                shop.dial().close()
            except ConnectionRefusedError as error:
                refused.append(error)

    client = threading.Thread(target=knock)
    with shop.connect() as former:
        client.start()
        for number in range(200):
            shop.front.open(dataclasses.replace(shop.endpoint, names=(f"name-{number}",)))
        ended.set()
        client.join()
        with pytest.raises(psycopg.OperationalError):
            former.execute("SELECT 1")
    assert refused == []
    assert shop.front.knows("name-199", shop.endpoint.port)
    shop.connect().close()


def test_an_address_that_is_taken_is_reported(shop: Shop) -> None:
    second = Front(shop.gate)
    second.start()
    try:
        with pytest.raises(EndpointError, match="the address is taken"):
            second.open(shop.endpoint)
    finally:
        second.stop()


def test_an_old_tls_version_is_refused(shop: Shop) -> None:
    context = ssl.create_default_context(cafile=shop.bundle)
    context.check_hostname = False
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with shop.dial() as client:
        client.sendall(struct.pack("!II", 8, 80877103))
        assert client.recv(1) == b"S"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(client)
