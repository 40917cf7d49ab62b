"""Who may log in to a cache, and what is in force in its server: tokens, users, parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from botocore.exceptions import ClientError

from .conftest import code_of, eventually
from .fix_caches import TOKEN, Lab, endpoint_of, shard_of

pytestmark = pytest.mark.engine

OTHER = TOKEN[::-1]
ALICE, BOB = "alice-has-a-password", "bob-has-another-password"


@pytest.fixture(scope="module")
def lab(aws: Any) -> Lab:
    return Lab(aws).build()


@pytest.fixture(scope="module")
def safe(lab: Lab) -> Iterator[dict[str, Any]]:
    made = lab.create_group("safe", TransitEncryptionEnabled=True, AuthToken=TOKEN)
    yield shard_of(made)["PrimaryEndpoint"]
    lab.delete_group("safe")


@pytest.fixture(scope="module")
def shop(lab: Lab) -> Iterator[dict[str, Any]]:
    lab.cache.create_cache_parameter_group(
        CacheParameterGroupName="lab", CacheParameterGroupFamily="valkey8", Description="x"
    )
    tag = {"Key": "localaws:mib-per-gib", "Value": "16"}
    yield lab.create("shop", Engine="valkey", CacheParameterGroupName="lab", Tags=[tag])
    lab.delete("shop")
    lab.cache.delete_cache_parameter_group(CacheParameterGroupName="lab")


def enters(lab: Lab, endpoint: dict[str, Any], **options: Any) -> bool:
    with lab.through(endpoint, **{**lab.tls(), **options}) as client:
        try:
            return bool(client.ping())
        except redis.AuthenticationError:
            return False


def rotate(lab: Lab, token: str, strategy: str) -> None:
    lab.cache.modify_replication_group(
        ReplicationGroupId="safe", AuthToken=token, AuthTokenUpdateStrategy=strategy, ApplyImmediately=True
    )
    lab.group_available("safe")


def test_a_token_is_rotated_without_a_moment_in_which_nobody_enters(lab: Lab, safe: dict[str, Any]) -> None:
    with lab.through(safe, password=TOKEN, **lab.tls()) as before:
        assert before.ping()
        rotate(lab, OTHER, "ROTATE")
        assert before.ping(), "who is in stays"
    assert enters(lab, safe, password=TOKEN)
    assert enters(lab, safe, password=OTHER)
    assert not enters(lab, safe)
    rotate(lab, OTHER, "SET")
    assert enters(lab, safe, password=OTHER)
    assert not enters(lab, safe, password=TOKEN)
    assert lab.group("safe")["AuthTokenEnabled"]


def test_encryption_is_required_of_a_cache_that_preferred_it(lab: Lab) -> None:
    made = lab.create_group("opens", Engine="redis")
    endpoint = shard_of(made)["PrimaryEndpoint"]
    change = {"ReplicationGroupId": "opens", "ApplyImmediately": True}
    with pytest.raises(ClientError) as caught:
        lab.cache.modify_replication_group(
            TransitEncryptionEnabled=True, TransitEncryptionMode="required", **change
        )
    assert code_of(caught) == "InvalidParameterCombination"
    lab.cache.modify_replication_group(
        TransitEncryptionEnabled=True, TransitEncryptionMode="preferred", **change
    )
    assert lab.group_available("opens")["TransitEncryptionMode"] == "preferred"
    assert enters(lab, endpoint)
    with lab.through(endpoint) as plain:
        assert plain.ping()
    lab.cache.modify_replication_group(TransitEncryptionMode="required", **change)
    lab.group_available("opens")
    assert enters(lab, endpoint)
    with lab.through(endpoint) as plain, pytest.raises(redis.ConnectionError):
        plain.ping()
    lab.delete_group("opens")


def test_users_may_what_their_access_string_says(lab: Lab) -> None:
    def create(name: str, access: str, **how: Any) -> None:
        lab.cache.create_user(UserId=f"{name}-id", UserName=name, Engine="redis", AccessString=access, **how)

    create("default", "off ~* -@all", NoPasswordRequired=True)
    create("alice", "on ~cart:* +@read +@write +@connection", Passwords=[ALICE])
    create("bob", "on ~* +@all", Passwords=[BOB])
    lab.cache.create_user_group(UserGroupId="staff", Engine="redis", UserIds=["default-id", "alice-id"])
    made = lab.create_group("team", NumCacheClusters=2, TransitEncryptionEnabled=True, UserGroupIds=["staff"])
    endpoint = shard_of(made)["PrimaryEndpoint"]
    assert not enters(lab, endpoint)
    assert not enters(lab, endpoint, username="bob", password=BOB)
    with lab.through(endpoint, username="alice", password=ALICE, **lab.tls()) as alice:
        assert alice.set("cart:1", "book")
        with pytest.raises(redis.exceptions.NoPermissionError):
            alice.get("order:1")
        with pytest.raises(redis.exceptions.NoPermissionError):
            alice.config_get("*")
        lab.cache.modify_user(UserId="alice-id", AccessString="on ~order:* +@read +@connection")

        def changed() -> bool:
            try:
                return alice.get("order:1") is None
            except redis.exceptions.NoPermissionError:
                return False

        eventually(changed)
    lab.cache.modify_user_group(UserGroupId="staff", UserIdsToAdd=["bob-id"])
    eventually(lambda: enters(lab, endpoint, username="bob", password=BOB))
    assert lab.cache.describe_user_groups(UserGroupId="staff")["UserGroups"][0]["ReplicationGroups"] == [
        "team"
    ]
    with pytest.raises(ClientError) as caught:
        lab.cache.delete_user_group(UserGroupId="staff")
    assert code_of(caught) == "InvalidUserGroupState"
    lab.cache.delete_user(UserId="bob-id")
    eventually(lambda: not enters(lab, endpoint, username="bob", password=BOB))
    lab.delete_group("team")
    lab.cache.delete_user_group(UserGroupId="staff")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"AccessString": "on ~* +nothing"}, "InvalidParameterValue"),
        ({"AccessString": "on ~* +@all >secret"}, "InvalidParameterValue"),
        ({"AccessString": ""}, "InvalidParameterValue"),
        ({"Passwords": ["short"]}, "InvalidParameterValue"),
        ({"UserName": "rdsadmin"}, "InvalidParameterValue"),
        ({"NoPasswordRequired": True}, "InvalidParameterCombination"),
        ({"UserId": "default"}, "UserAlreadyExists"),
    ],
)
def test_bad_users_get_the_codes_of_aws(lab: Lab, options: dict[str, Any], code: str) -> None:
    request = {
        "UserId": "eve-id",
        "UserName": "eve",
        "Engine": "redis",
        "AccessString": "on ~* +@all",
        "Passwords": [ALICE],
    }
    with pytest.raises(ClientError) as caught:
        lab.cache.create_user(**{**request, **options})
    assert code_of(caught) == code
    assert "eve-id" not in {user["UserId"] for user in lab.cache.describe_users()["Users"]}


def test_groups_of_users_need_a_default_user_and_one_of_each_name(lab: Lab) -> None:
    lab.cache.create_user(
        UserId="second-default",
        UserName="default",
        Engine="redis",
        AccessString="on ~* +@all",
        Passwords=[BOB],
    )
    lab.cache.create_user(
        UserId="admin-id", UserName="admin", Engine="redis", AccessString="on ~* +@all", Passwords=[BOB]
    )
    for users, code in (
        (["second-default", "default"], "DuplicateUserName"),
        (["admin-id"], "DefaultUserRequired"),
        (["nobody"], "UserNotFound"),
    ):
        with pytest.raises(ClientError) as caught:
            lab.cache.create_user_group(UserGroupId="bad", Engine="redis", UserIds=users)
        assert code_of(caught) == code


def set_parameter(lab: Lab, name: str, value: str) -> None:
    lab.cache.modify_cache_parameter_group(
        CacheParameterGroupName="lab",
        ParameterNameValues=[{"ParameterName": name, "ParameterValue": value}],
    )


def fill(client: redis.Redis, name: str, size: int) -> None:
    for number in range(size // 100_000):
        client.set(f"{name}:{number}", "x" * 100_000)


def test_memory_is_that_of_the_node_type_and_the_policy_decides_what_leaves(
    lab: Lab, shop: dict[str, Any]
) -> None:
    with lab.through(endpoint_of(shop)) as client:
        limit = int(client.info("memory")["maxmemory"])
        assert limit == 536870912 * 75 // 100 // 64
        set_parameter(lab, "maxmemory-policy", "noeviction")
        eventually(lambda: client.info("memory")["maxmemory_policy"] == "noeviction")
        client.set("first", "x")
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            fill(client, "filler", limit)
        set_parameter(lab, "maxmemory-policy", "allkeys-lru")
        eventually(lambda: client.info("memory")["maxmemory_policy"] == "allkeys-lru")
        fill(client, "more", limit)
        assert client.info("stats")["evicted_keys"] > 0
        client.flushall()


def test_keyspace_events_are_published_once_the_parameter_says_so(lab: Lab, shop: dict[str, Any]) -> None:
    with lab.through(endpoint_of(shop)) as client, client.pubsub() as listener:
        set_parameter(lab, "notify-keyspace-events", "KEA")
        listener.psubscribe("__key*__:*")
        assert listener.get_message(timeout=10)["type"] == "psubscribe"

        def heard() -> bool:
            client.set("cart", "x")
            message = listener.get_message(timeout=0.1)
            return message is not None and message["type"] == "pmessage"

        eventually(heard)
    lab.cache.reset_cache_parameter_group(CacheParameterGroupName="lab", ResetAllParameters=True)


def test_a_static_parameter_waits_for_the_reboot(lab: Lab, shop: dict[str, Any]) -> None:
    def databases() -> bool:
        with lab.through(endpoint_of(shop), db=20) as client:
            try:
                return bool(client.ping())
            except redis.ResponseError:
                return False

    def status() -> dict[str, Any]:
        found: dict[str, Any] = lab.describe("shop")["CacheParameterGroup"]
        return found

    set_parameter(lab, "databases", "32")
    assert (status()["ParameterApplyStatus"], status()["CacheNodeIdsToReboot"]) == (
        "pending-reboot",
        ["0001"],
    )
    assert not databases()
    lab.cache.reboot_cache_cluster(CacheClusterId="shop", CacheNodeIdsToReboot=["0001"])
    lab.available("shop")
    assert databases()
    assert status()["ParameterApplyStatus"] == "in-sync"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maxmemory-policy", "sometimes"),
        ("maxmemory", "1"),
        ("timeout", "5"),
        ("timeout", "soon"),
        ("appendonly", "yes"),
        ("cluster-enabled", "yes"),
        ("notify-keyspace-events", "?"),
        ("databases", "0"),
        ("dir", "/tmp"),
    ],
)
def test_bad_values_are_refused(lab: Lab, shop: dict[str, Any], name: str, value: str) -> None:
    with pytest.raises(ClientError) as caught:
        set_parameter(lab, name, value)
    assert code_of(caught) == "InvalidParameterValue"


def test_parameter_groups_are_listed_and_guarded(lab: Lab, shop: dict[str, Any]) -> None:
    families = {
        version["CacheParameterGroupFamily"]
        for version in lab.cache.describe_cache_engine_versions()["CacheEngineVersions"]
    }
    listed = lab.cache.describe_cache_parameter_groups()["CacheParameterGroups"]
    assert {f"default.{family}" for family in families} <= {
        each["CacheParameterGroupName"] for each in listed
    }
    for family in families:
        defaults = lab.cache.describe_engine_default_parameters(CacheParameterGroupFamily=family)
        assert defaults["EngineDefaults"]["Parameters"]
    own = lab.cache.describe_cache_parameters(CacheParameterGroupName="lab", Source="user")["Parameters"]
    assert [(each["ParameterName"], each["ParameterValue"]) for each in own] == [("databases", "32")]
    for call, arguments, code in (
        (lab.cache.delete_cache_parameter_group, {"CacheParameterGroupName": "lab"},
         "InvalidCacheParameterGroupState"),
        (lab.cache.delete_cache_parameter_group, {"CacheParameterGroupName": "default.redis7"},
         "InvalidCacheParameterGroupState"),
        (lab.cache.describe_cache_parameters, {"CacheParameterGroupName": "none"},
         "CacheParameterGroupNotFound"),
        (lab.cache.create_cache_parameter_group,
         {"CacheParameterGroupName": "x", "CacheParameterGroupFamily": "redis1", "Description": "x"},
         "InvalidParameterValue"),
    ):  # fmt: skip
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert code_of(caught) == code
