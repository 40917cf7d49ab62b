"""Metrics of one server from what it tells of itself: levels of a moment, and counts between two looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Facts = Mapping[str, Any]
Value = tuple[str, str, float]
"""Name, unit and value of a metric."""

OUR_CLIENTS = 1
"""Connections that are ours: the meter's own."""

_TYPES = {
    "String": (
        "get set setnx setex psetex append getrange setrange mget mset msetnx getset getdel getex "
        "incr decr incrby decrby incrbyfloat strlen lcs"
    ),
    "Hash": (
        "hset hget hmset hmget hdel hgetall hexists hincrby hincrbyfloat hkeys hvals hlen hsetnx "
        "hscan hstrlen hrandfield"
    ),
    "List": (
        "lpush rpush lpop rpop llen lrange lindex lset lrem ltrim linsert lpushx rpushx lmove "
        "rpoplpush blpop brpop blmove lpos lmpop"
    ),
    "Set": (
        "sadd srem smembers sismember smismember scard spop srandmember sinter sunion sdiff "
        "sinterstore sunionstore sdiffstore smove sscan sintercard"
    ),
    "SortedSet": (
        "zadd zrem zscore zrange zrangebyscore zrevrange zrevrangebyscore zrank zrevrank zcard "
        "zcount zincrby zpopmin zpopmax zremrangebyscore zremrangebyrank zscan zunionstore "
        "zinterstore zrangestore zmscore"
    ),
    "Stream": (
        "xadd xread xreadgroup xrange xrevrange xlen xack xgroup xpending xclaim xautoclaim xtrim xdel xinfo"
    ),
    "PubSub": "publish subscribe psubscribe unsubscribe punsubscribe pubsub spublish ssubscribe",
    "GeoSpatial": "geoadd geodist geohash geopos geosearch geosearchstore georadius georadiusbymember",
    "HyperLogLog": "pfadd pfcount pfmerge",
    "Key": ("del exists expire pexpire expireat persist ttl pttl type keys scan rename unlink touch object"),
    "Eval": "eval evalsha eval_ro evalsha_ro fcall fcall_ro",
}
"""Commands of each kind, as AWS counts them."""
_GETS = (
    "get mget getrange strlen lcs getex hget hmget hgetall hexists hkeys hvals hlen hscan hstrlen "
    "hrandfield llen lrange lindex lpos smembers sismember smismember scard srandmember sinter sunion "
    "sdiff sscan sintercard zscore zrange zrangebyscore zrevrange zrevrangebyscore zrank zrevrank zcard "
    "zcount zscan zmscore xread xrange xrevrange xlen xpending geodist geohash geopos geosearch pfcount "
    "exists ttl pttl type keys scan"
)
_SETS = (
    "set setnx setex psetex append setrange mset msetnx getset getdel incr decr incrby decrby incrbyfloat "
    "hset hmset hdel hincrby hincrbyfloat hsetnx lpush rpush lpop rpop lset lrem ltrim linsert lpushx "
    "rpushx lmove rpoplpush sadd srem spop sinterstore sunionstore sdiffstore smove zadd zrem zincrby "
    "zpopmin zpopmax zremrangebyscore zremrangebyrank zunionstore zinterstore zrangestore xadd xack xtrim "
    "xdel geoadd geosearchstore pfadd pfmerge del unlink expire pexpire expireat persist rename"
)


def levels(facts: Facts, memory: int, scale: float) -> Iterator[Value]:
    """What a Valkey server is at this moment; `scale`: bytes that it shows for each one here."""
    used = float(facts["used_memory"])
    limit = float(facts["maxmemory"]) or memory / scale
    primary = facts["role"] == "master"
    yield "BytesUsedForCache", "Bytes", used * scale
    yield "DatabaseMemoryUsagePercentage", "Percent", min(used / limit, 1.0) * 100
    counted = float(facts["mem_not_counted_for_evict"])
    yield "DatabaseMemoryUsageCountedForEvictPercentage", "Percent", max(used - counted, 0.0) / limit * 100
    yield "MemoryFragmentationRatio", "None", float(facts["mem_fragmentation_ratio"])
    yield "CurrItems", "Count", sum(each["keys"] for name, each in facts.items() if _is_database(name))
    volatile = sum(each["expires"] for name, each in facts.items() if _is_database(name))
    yield "CurrVolatileItems", "Count", volatile
    yield "CurrConnections", "Count", max(int(facts["connected_clients"]) - OUR_CLIENTS, 0)
    yield "IsMaster", "Count", int(primary)
    yield "IsPrimary", "Count", int(primary)
    yield "SaveInProgress", "Count", int(facts["rdb_bgsave_in_progress"])
    if primary:
        yield "ReplicationBytes", "Bytes", float(facts["master_repl_offset"])
    else:
        up = facts.get("master_link_status") == "up"
        silent = (
            facts.get("master_last_io_seconds_ago", 0)
            if up
            else facts.get("master_link_down_since_seconds", 0)
        )
        yield "ReplicationLag", "Seconds", max(float(silent), 0.0)
        yield "MasterLinkHealthStatus", "Count", int(up)
        yield "PrimaryLinkHealthStatus", "Count", int(up)


def _is_database(name: str) -> bool:
    return name.startswith("db") and name[2:].isdigit()


_COUNTERS = {
    "CacheHits": "keyspace_hits",
    "CacheMisses": "keyspace_misses",
    "Evictions": "evicted_keys",
    "Reclaimed": "expired_keys",
    "NewConnections": "total_connections_received",
    "AuthenticationFailures": "acl_access_denied_auth",
    "CommandAuthorizationFailures": "acl_access_denied_cmd",
    "KeyAuthorizationFailures": "acl_access_denied_key",
    "ActiveDefragHits": "active_defrag_hits",
}


def rates(before: Facts, now: Facts) -> Iterator[Value]:
    """What a Valkey server has done between two looks."""
    for metric, counter in _COUNTERS.items():
        yield metric, "Count", _since(before, now, counter)
    hits, misses = _since(before, now, "keyspace_hits"), _since(before, now, "keyspace_misses")
    if hits + misses:
        yield "CacheHitRate", "Percent", hits / (hits + misses) * 100
    calls = {name: _calls(now, name) - _calls(before, name) for name in now if name.startswith("cmdstat_")}

    def total(words: str) -> int:
        return sum(max(calls.get(f"cmdstat_{word}", 0), 0) for word in words.split())

    yield "GetTypeCmds", "Count", total(_GETS)
    yield "SetTypeCmds", "Count", total(_SETS)
    for name, words in _TYPES.items():
        yield f"{name}BasedCmds", "Count", total(words)


def _calls(facts: Facts, name: str) -> int:
    return int(facts[name]["calls"]) if name in facts else 0


def _since(before: Facts, now: Facts, counter: str) -> float:
    return max(float(now.get(counter, 0)) - float(before.get(counter, 0)), 0.0)


# -- Memcached


def memcached_levels(facts: Facts, _memory: int, scale: float) -> Iterator[Value]:
    """What a memcached server is at this moment."""
    yield "BytesUsedForCacheItems", "Bytes", float(facts["bytes"]) * scale
    yield "UnusedMemory", "Bytes", max(float(facts["limit_maxbytes"]) - float(facts["bytes"]), 0.0) * scale
    yield "CurrItems", "Count", float(facts["curr_items"])
    yield "CurrConnections", "Count", max(float(facts["curr_connections"]) - OUR_CLIENTS, 0.0)


_MEMCACHED = {
    "GetHits": "get_hits",
    "GetMisses": "get_misses",
    "CmdGet": "cmd_get",
    "CmdSet": "cmd_set",
    "CmdFlush": "cmd_flush",
    "CmdTouch": "cmd_touch",
    "DeleteHits": "delete_hits",
    "DeleteMisses": "delete_misses",
    "IncrHits": "incr_hits",
    "IncrMisses": "incr_misses",
    "DecrHits": "decr_hits",
    "DecrMisses": "decr_misses",
    "CasHits": "cas_hits",
    "CasMisses": "cas_misses",
    "CasBadval": "cas_badval",
    "TouchHits": "touch_hits",
    "TouchMisses": "touch_misses",
    "Evictions": "evictions",
    "Reclaimed": "reclaimed",
    "ExpiredUnfetched": "expired_unfetched",
    "EvictedUnfetched": "evicted_unfetched",
    "NewConnections": "total_connections",
    "NewItems": "total_items",
    "BytesReadIntoMemcached": "bytes_read",
    "BytesWrittenOutFromMemcached": "bytes_written",
}


def memcached_rates(before: Facts, now: Facts) -> Iterator[Value]:
    """What a memcached server has done between two looks."""
    for metric, counter in _MEMCACHED.items():
        yield metric, "Bytes" if metric.startswith("Bytes") else "Count", _since(before, now, counter)
