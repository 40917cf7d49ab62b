"""Memcached clusters whose nodes are real, where the program is on this machine."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.engines.binaries import EngineMissing
from localaws.engines.memcached import find_memcached

from .conftest import code_of, eventually
from .fix_caches import Lab

pytestmark = pytest.mark.engine


def _there() -> bool:
    try:
        find_memcached()
    except EngineMissing:
        return False
    return True


needs_memcached = pytest.mark.skipif(not _there(), reason="no memcached on this machine")


@pytest.fixture(scope="module")
def lab(aws: Any) -> Lab:
    lab = Lab(aws).build()
    rule = {
        "IpProtocol": "tcp",
        "FromPort": 11211,
        "ToPort": 11211,
        "UserIdGroupPairs": [{"GroupId": lab.app}],
    }
    lab.ec2.authorize_security_group_ingress(GroupId=lab.db, IpPermissions=[rule])
    return lab


@pytest.fixture(scope="module")
def farm(lab: Lab) -> Iterator[str]:
    lab.create("farm", Engine="memcached", NumCacheNodes=2, AZMode="cross-az")
    yield "farm"
    lab.delete("farm")


def dial(lab: Lab, endpoint: dict[str, Any]) -> socket.socket:
    with lab.through(endpoint) as client:
        port = client.connection_pool.connection_kwargs["port"]
    return socket.create_connection(("127.0.0.1", port), 20)


def ask(link: socket.socket, command: str, end: bytes = b"\r\n") -> str:
    link.settimeout(20)
    link.sendall(command.encode())
    answer = b""
    while not answer.endswith(end) and (data := link.recv(4096)):
        answer += data
    return answer.decode()


def value(lab: Lab, endpoint: dict[str, Any], key: str) -> str | None:
    with dial(lab, endpoint) as link:
        answer = ask(link, f"get {key}\r\n", b"END\r\n")
    return answer.splitlines()[1] if answer.startswith("VALUE") else None


def store(lab: Lab, endpoint: dict[str, Any], key: str, text: str) -> None:
    with dial(lab, endpoint) as link:
        assert ask(link, f"set {key} 0 0 {len(text)}\r\n{text}\r\n") == "STORED\r\n"


def endpoints(lab: Lab, name: str) -> list[dict[str, Any]]:
    return [node["Endpoint"] for node in lab.describe(name)["CacheNodes"]]


@needs_memcached
def test_each_node_keeps_its_own_items_and_the_cluster_tells_of_them(lab: Lab, farm: str) -> None:
    shown = lab.describe(farm)
    assert (shown["NumCacheNodes"], shown["PreferredAvailabilityZone"]) == (2, "Multiple")
    first, second = endpoints(lab, farm)
    assert first["Port"] == 11211
    store(lab, first, "cart", "book")
    assert (value(lab, first, "cart"), value(lab, second, "cart")) == ("book", None)
    with dial(lab, shown["ConfigurationEndpoint"]) as link:
        told = ask(link, "config get cluster\r\n", b"END\r\n").splitlines()
        assert told[0].startswith("CONFIG cluster 0 ")
        assert told[1] == "1"
        listed = [each.split("|")[1:] for each in told[2].split()]
        assert listed == [[each["Address"], str(each["Port"])] for each in (first, second)]
        assert ask(link, "version\r\n").startswith("VERSION")
    with socket.create_connection((first["Address"], first["Port"]), 20) as outside:
        assert "not publicly accessible" in ask(outside, "version\r\n")


@needs_memcached
def test_nodes_come_and_go(lab: Lab, farm: str) -> None:
    store(lab, endpoints(lab, farm)[0], "kept", "yes")
    lab.cache.modify_cache_cluster(CacheClusterId=farm, NumCacheNodes=3, ApplyImmediately=True)
    assert lab.describe(farm)["PendingModifiedValues"]["NumCacheNodes"] == 3
    lab.available(farm)
    first, _, third = endpoints(lab, farm)
    assert value(lab, first, "kept") == "yes"
    store(lab, third, "there", "yes")
    with pytest.raises(ClientError) as caught:
        lab.cache.modify_cache_cluster(CacheClusterId=farm, NumCacheNodes=2, ApplyImmediately=True)
    assert code_of(caught) == "InvalidParameterCombination"
    lab.cache.modify_cache_cluster(
        CacheClusterId=farm, NumCacheNodes=2, CacheNodeIdsToRemove=["0002"], ApplyImmediately=True
    )
    lab.available(farm)
    assert [node["CacheNodeId"] for node in lab.describe(farm)["CacheNodes"]] == ["0001", "0003"]
    assert value(lab, third, "there") == "yes"


@needs_memcached
def test_a_reboot_and_a_crash_empty_a_node(lab: Lab, farm: str) -> None:
    first, *_ = endpoints(lab, farm)
    store(lab, first, "lost", "yes")
    lab.cache.reboot_cache_cluster(CacheClusterId=farm, CacheNodeIdsToReboot=["0001"])
    lab.available(farm)
    assert value(lab, first, "lost") is None
    store(lab, first, "lost", "yes")
    [pid] = [each["pid"] for each in lab.aws.status()["engines"] if each["name"] == "farm.0001"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: value_or_error(lab, first) is None)
    lab.available(farm)


def value_or_error(lab: Lab, endpoint: dict[str, Any]) -> str | None:
    try:
        return value(lab, endpoint, "lost")
    except OSError:
        return "unreachable"


@needs_memcached
def test_parameters_and_encryption_are_in_force(lab: Lab) -> None:
    lab.cache.create_cache_parameter_group(
        CacheParameterGroupName="large", CacheParameterGroupFamily="memcached1.6", Description="x"
    )
    lab.cache.modify_cache_parameter_group(
        CacheParameterGroupName="large",
        ParameterNameValues=[{"ParameterName": "max_item_size", "ParameterValue": "2097152"}],
    )
    lab.create("big", Engine="memcached", CacheParameterGroupName="large", TransitEncryptionEnabled=True)
    context = ssl.create_default_context(cafile=lab.aws.status()["ca_bundle"])
    context.check_hostname = False
    with dial(lab, endpoints(lab, "big")[0]) as plain, context.wrap_socket(plain) as link:
        settings = ask(link, "stats settings\r\n", b"END\r\n")
    assert "STAT item_size_max 2097152" in settings
    lab.delete("big")


@needs_memcached
@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"NumCacheNodes": 41}, "NodeQuotaForClusterExceeded"),
        ({"SnapshotRetentionLimit": 1}, "InvalidParameterCombination"),
        ({"PreferredAvailabilityZones": ["us-east-1a"], "NumCacheNodes": 2}, "InvalidParameterCombination"),
        ({"CacheParameterGroupName": "default.redis7"}, "InvalidParameterCombination"),
    ],
)
def test_bad_requests_get_the_codes_of_aws(lab: Lab, options: dict[str, Any], code: str) -> None:
    request = {"CacheClusterId": "bad", "Engine": "memcached", "CacheNodeType": "cache.t3.micro"}
    with pytest.raises(ClientError) as caught:
        lab.cache.create_cache_cluster(**{**request, "NumCacheNodes": 1, **options})
    assert code_of(caught) == code


def test_without_the_program_the_refusal_names_it(own_aws: Any) -> None:
    own_aws.run("start", LOCALAWS_MEMCACHED_BIN=str(own_aws.state / "nothing"))
    cache = own_aws.client("elasticache")
    with pytest.raises(ClientError, match="LOCALAWS_MEMCACHED_BIN") as caught:
        cache.create_cache_cluster(
            CacheClusterId="farm", Engine="memcached", CacheNodeType="cache.t3.micro", NumCacheNodes=1
        )
    assert code_of(caught) == "InsufficientCacheClusterCapacity"
    assert cache.describe_cache_clusters()["CacheClusters"] == []
