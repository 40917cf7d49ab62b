"""A program's GETs through a cache's endpoint against the same program on the server's own Unix socket."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.figure import Figure
from bench.peers import Peer, localaws
from localaws.state import StateDir

CLIENTS = (1, 8)
SECONDS = 3.0
ROUNDS = 3
GOAL = 0.5
PROGRAM = Path(__file__).with_name("gets.py")


def _create(peer: Peer) -> tuple[str, str]:
    """Create a cache and a host that may enter it; the host's id and the endpoint."""
    ec2, cache = peer.client("ec2"), peer.client("elasticache")
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
    return made["Instances"][0]["InstanceId"], f"redis://{place['Address']}:{place['Port']}"


def _on_host(peer: Peer, host: str, url: str) -> Callable[[int], float]:
    """Run the program as Run Command does it: as a process on the host."""
    ssm = peer.client("ssm")

    def run(clients: int) -> float:
        lines = [
            f"python3 - {url} {clients} {SECONDS} <<'END_OF_PROGRAM'",
            *PROGRAM.read_text().splitlines(),
            "END_OF_PROGRAM",
        ]
        sent = ssm.send_command(
            DocumentName="AWS-RunShellScript", InstanceIds=[host], Parameters={"commands": lines}
        )["Command"]["CommandId"]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.2)
            found = ssm.get_command_invocation(CommandId=sent, InstanceId=host)
            if found["Status"] not in ("Pending", "InProgress"):
                break
        if found["Status"] != "Success":
            raise RuntimeError(f"{found['Status']}: {found['StandardErrorContent']}")
        return float(found["StandardOutputContent"])

    return run


def _directly(peer: Peer) -> Callable[[int], float]:
    """Run the program at the server's Unix socket."""
    assert peer.state is not None
    [socket] = StateDir.open(peer.state).sockets_root.glob("*/valkey.sock")

    def run(clients: int) -> float:
        words = [sys.executable, str(PROGRAM), f"unix://{socket}", str(clients), str(SECONDS)]
        return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)

    return run


def cache() -> Iterator[Figure]:
    """GETs a second of one and of eight processes, on a host through the endpoint and directly, in turns."""
    with localaws() as peer:
        host, url = _create(peer)
        runs = [_on_host(peer, host, url), _directly(peer)]
        for clients in CLIENTS:
            rounds = [[run(clients) for run in runs] for _ in range(ROUNDS)]
            ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
            yield Figure(
                name=f"ElastiCache GET by redis-py on a host, {clients} client{'s' if clients > 1 else ''}",
                ours=f"{ours:,.0f} calls/s",
                peer=f"the server's own socket {theirs:,.0f} calls/s ({ours / theirs:.2f}×)",
                goal=f"≥ {GOAL}×",
                reached=ours / theirs >= GOAL,
            )
