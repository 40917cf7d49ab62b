"""Engines and their versions, as ElastiCache offers them and as this machine can run them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from localaws.elasticache import faults
from localaws.engines.binaries import EngineMissing, find_valkey
from localaws.engines.memcached import find_memcached

if TYPE_CHECKING:
    from localaws.control import ControlPlane


@dataclass
class Host:
    """The control plane behind the service; without one (a bare moto) there are no servers."""

    control: ControlPlane | None = None

    @property
    def silent(self) -> bool:
        """Whether nothing may be asked of this machine: calls that are replayed were accepted once."""
        return self.control is None or self.control.replaying

    def require_server(self, engine: str) -> None:
        """Refuse a new cache when no server program is there."""
        if self.silent:
            return
        try:
            if engine == "memcached":
                find_memcached()
            else:
                find_valkey()
        except EngineMissing as missing:
            raise faults.no_capacity(f"This machine cannot run a cache: {missing}.") from missing


HOST = Host()


@dataclass(frozen=True)
class Version:
    """One engine version of AWS's list."""

    engine: str
    number: str
    family: str
    default: bool = False

    @property
    def parameter_group(self) -> str:
        """The default parameter group."""
        return f"default.{self.family}"


VERSIONS = (
    Version("memcached", "1.6.12", "memcached1.6"),
    Version("memcached", "1.6.17", "memcached1.6"),
    Version("memcached", "1.6.22", "memcached1.6", default=True),
    Version("redis", "6.2.6", "redis6.x"),
    Version("redis", "7.0.7", "redis7"),
    Version("redis", "7.1.0", "redis7", default=True),
    Version("valkey", "7.2.6", "valkey7"),
    Version("valkey", "8.0.1", "valkey8"),
    Version("valkey", "8.1.0", "valkey8", default=True),
)
"""What can be asked for. The server is this machine's Valkey, which speaks the protocol of all but one."""

FAMILIES = tuple(dict.fromkeys(version.family for version in VERSIONS))


def find(engine: str, number: str | None) -> Version:
    """Return the version that a request means: "7.1" and "7.1.0" are the same."""
    offered = [version for version in VERSIONS if version.engine == engine]
    if not offered:
        raise faults.invalid(f"Invalid cache engine {engine}. Choose memcached, redis or valkey.")
    if number is None:
        return next(version for version in offered if version.default)
    wanted = number.removesuffix(".x")
    for version in reversed(offered):
        if version.number == wanted or version.number.startswith(f"{wanted}."):
            return version
    known = ", ".join(version.number for version in offered)
    raise faults.invalid(f"Cannot find version {number} for {engine}. Available: {known}.")


def rank(engine: str, number: str) -> tuple[int, ...]:
    """Order versions: Valkey's come after all of Redis OSS's, which may be upgraded to them."""
    return (engine == "valkey", *(int(part) for part in number.split(".")))


def describe(
    engine: str | None, number: str | None, family: str | None, *, default_only: bool
) -> list[dict[str, str]]:
    """Return the answer of DescribeCacheEngineVersions."""
    return [
        {
            "Engine": version.engine,
            "EngineVersion": version.number,
            "CacheParameterGroupFamily": version.family,
            "CacheEngineDescription": version.engine.capitalize(),
            "CacheEngineVersionDescription": f"{version.engine} version {version.number}",
        }
        for version in VERSIONS
        if engine in (None, version.engine)
        and family in (None, version.family)
        and (number is None or version.number.startswith(number))
        and (version.default or not default_only)
    ]
