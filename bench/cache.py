"""GET through a cache's endpoint against the same on Valkey's own port."""

import multiprocessing
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.pool import Pool
from pathlib import Path

from bench.figure import Figure
from bench.peers import Peer, free_port, localaws
from localaws.engines.binaries import find_valkey

CLIENTS = (1, 8)
SECONDS = 3.0
VALUE = b"x" * 100
SET = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\n" + VALUE + b"\r\n"
GET = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
ANSWER = b"$100\r\n" + VALUE + b"\r\n"
ROUNDS = 3
GOAL = 0.5


@contextmanager
def _direct() -> Iterator[tuple[str, int]]:
    """Run a Valkey of the same binary on TCP."""
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="bench-valkey-"))
    words = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder))
    server = subprocess.Popen([find_valkey().path, *words], stdout=subprocess.DEVNULL)
    try:
        yield "127.0.0.1", port
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder)


def _create(peer: Peer) -> tuple[str, int]:
    """Create a cache; where its endpoint is entered from an application's host."""
    ec2, cache, ssm = peer.client("ec2"), peer.client("elasticache"), peer.client("ssm")
    peer.client("iam").create_instance_profile(InstanceProfileName="bench")
    group = ec2.create_security_group(GroupName="bench", Description="itself")["GroupId"]
    itself = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "UserIdGroupPairs": [{"GroupId": group}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[itself])
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    made = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, IamInstanceProfile={"Name": "bench"}, SecurityGroupIds=[group]
    )
    cache.create_cache_cluster(
        CacheClusterId="bench",
        Engine="redis",
        CacheNodeType="cache.t3.micro",
        NumCacheNodes=1,
        SecurityGroupIds=[group],
    )
    cache.get_waiter("cache_cluster_available").wait(
        CacheClusterId="bench", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    shown = cache.describe_cache_clusters(CacheClusterId="bench", ShowCacheNodeInfo=True)
    place = shown["CacheClusters"][0]["CacheNodes"][0]["Endpoint"]
    session = ssm.start_session(
        Target=made["Instances"][0]["InstanceId"],
        DocumentName="AWS-StartPortForwardingSessionToRemoteHost",
        Parameters={"host": [place["Address"]], "portNumber": [str(place["Port"])]},
    )
    return "127.0.0.1", int(session["StreamUrl"].rpartition(":")[2])


def _client(place: tuple[str, int], begin: float) -> int:
    """Ask for the value as fast as it goes until the time is over; how often that was."""
    with socket.create_connection(place) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(max(0.0, begin - time.time()))
        done = 0
        while time.time() < begin + SECONDS:
            connection.sendall(GET)
            answer = b""
            while len(answer) < len(ANSWER):
                answer += connection.recv(4096)
            done += 1
        if answer != ANSWER:
            raise RuntimeError(f"the cache answered {answer!r}")
        return done


def cache() -> Iterator[Figure]:
    """GETs a second of one and of eight clients, through the endpoint and directly, in turns."""
    with localaws() as peer, _direct() as direct:
        places = [_create(peer), direct]
        for place in places:
            with socket.create_connection(place) as connection:
                connection.sendall(SET)
                connection.recv(100)
        for clients in CLIENTS:
            with multiprocessing.get_context("spawn").Pool(clients) as pool:
                rounds = [[_rate(pool, place, clients) for place in places] for _ in range(ROUNDS)]
            ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
            yield Figure(
                name=f"ElastiCache GET through the endpoint, {clients} client{'s' if clients > 1 else ''}",
                ours=f"{ours:,.0f} calls/s",
                peer=f"Valkey's own port {theirs:,.0f} calls/s ({ours / theirs:.2f}×)",
                goal=f"≥ {GOAL}×",
                reached=ours / theirs >= GOAL,
            )


def _rate(pool: Pool, place: tuple[str, int], clients: int) -> float:
    begin = time.time() + 1.5
    return sum(pool.starmap(_client, [(place, begin)] * clients)) / SECONDS
