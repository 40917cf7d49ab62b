"""Who may reach whom: security-group rules turned into pairs of resources."""

from collections.abc import Iterator
from dataclasses import dataclass

from labkit.account import ANYWHERE, Resource, Rule, Vpc

INTERNET = -1


@dataclass(frozen=True)
class Flow:
    """A permitted way: indexes into the VPC's resources (INTERNET as source), and the ports."""

    source: int
    target: int
    label: str


@dataclass(frozen=True)
class Sentence:
    """A rule in words: source, ports, the group it lets them into, and whether that is wide open."""

    source: str
    source_group: str | None
    ports: str
    group: str
    members: tuple[str, ...]
    open_to_all: bool


def flows(vpc: Vpc) -> list[Flow]:
    """Every permitted way between two resources, or from the internet to a public one."""
    rules = {group.id: group.rules for group in vpc.groups}
    public = {subnet.id for subnet in vpc.subnets if subnet.public}
    found = [
        Flow(source, index, _label(rule, target))
        for index, target in enumerate(vpc.resources)
        for group in target.groups
        for rule in rules.get(group, ())
        if target.port is None or rule.admits(target.port)
        for source in _sources(vpc, rule, index, reachable=target.public and target.subnet_id in public)
    ]
    return list(dict.fromkeys(found))


def sentences(vpc: Vpc) -> list[Sentence]:
    """The rules of every group in use, one sentence each; a group that admits nobody says so."""
    names = {group.id: group.name for group in vpc.groups}
    said = []
    for group in vpc.groups:
        members = tuple(dict.fromkeys(item.name for item in vpc.resources if group.id in item.groups))
        if not members and (group.name == "default" or not group.rules):
            continue
        for rule in group.rules or (Rule("", "", 1, 0),):
            source = names.get(rule.source, rule.source)
            shown = (
                "anywhere on the internet"
                if rule.source in ANYWHERE
                else "this whole VPC"
                if source == vpc.cidr
                else source
            )
            known = rule.source if rule.source in names else None
            said.append(
                Sentence(shown or "nobody", known, rule.ports, group.id, members, rule.source in ANYWHERE)
            )
    return said


def _sources(vpc: Vpc, rule: Rule, target: int, *, reachable: bool) -> Iterator[int]:
    if rule.source in ANYWHERE and reachable:
        yield INTERNET
    for index, resource in enumerate(vpc.resources):
        if index != target and rule.source in resource.groups:
            yield index


def _label(rule: Rule, target: Resource) -> str:
    return rule.ports if target.port is None else str(target.port)
