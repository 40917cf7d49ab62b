"""Who may reach an endpoint: the decision that a VPC's routes and security groups would make."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, ip_network
from typing import TYPE_CHECKING

from localaws.bridge.ec2 import NOWHERE, Ec2View, Group, Host, Rule, Subnet

if TYPE_CHECKING:
    from localaws.control import ControlPlane

OUTSIDE_IP = "203.0.113.10"
"""The notebook's address on the internet, as security groups see it."""

_NAMED = 3
_INTERFACE = -6
"""Which address of its subnet a function's network interface has."""


@dataclass(frozen=True)
class Interface:
    """A function or task in a VPC; one without groups stands wherever the target lets somebody in."""

    function: str
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    noun: str = "function"
    private_ip: str | None = None


@dataclass(frozen=True)
class Origin:
    """Where a connection comes from: an EC2 instance, an interface, or (None) the notebook outside."""

    instance_id: str | None = None
    interface: Interface | None = None


OUTSIDE = Origin()


@dataclass(frozen=True)
class Target:
    """What a connection wants to reach, as its service's model describes it."""

    name: str
    vpc_id: str
    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]
    publicly_accessible: bool
    port: int
    region: str
    account_id: str
    noun: str = "db"


@dataclass(frozen=True)
class Refusal:
    """Why a connection may not enter, and the remedy."""

    message: str


class Network:
    """Answers whether a connection would pass, from the EC2 model as it is at this moment."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control

    def admit(self, origin: Origin, target: Target) -> Refusal | None:
        """Return None when the connection may enter."""
        with self._control.lock:
            view = Ec2View.of(self._control, target.account_id, target.region)
            if view is None:
                return _refuse(target, f"its VPC {target.vpc_id} does not exist any more")
            if origin.interface is not None:
                return _from_function(view, origin.interface, target)
            if origin.instance_id is None:
                return _from_outside(view, target)
            host = view.host(origin.instance_id)
            if host is None:
                return _refuse(target, f"the EC2 host {origin.instance_id} does not exist")
            return _from_host(view, host, target)

    def leave(self, interface: Interface, port: int, account_id: str, region: str) -> Refusal | None:
        """Return None when a connection to a place outside AWS gets out of the interface's VPC."""
        with self._control.lock:
            view = Ec2View.of(self._control, account_id, region)
            groups = [view.group(group_id) for group_id in interface.security_group_ids] if view else []
            rules = [rule for group in groups if group for rule in group.egress]
        if any(rule.covers(port) and rule.group_id is None for rule in rules):
            return None
        names = _list(interface.security_group_ids)
        return Refusal(
            f"timed out on AWS: no outbound rule of {names}, the security group of the {interface.noun} "
            f"{interface.function}, lets it connect to port {port}. Add an egress rule for tcp {port}."
        )

    def address(self, origin: Origin, target: Target) -> str:
        """Return the address that the target sees: the host's private one, or the notebook's public one."""
        if origin.instance_id is None and origin.interface is None:
            return OUTSIDE_IP
        with self._control.lock:
            view = Ec2View.of(self._control, target.account_id, target.region)
            if view is None:
                return OUTSIDE_IP
            if origin.interface is not None:
                return _as_host(view, origin.interface, target).private_ip
            host = view.host(origin.instance_id) if origin.instance_id else None
            return host.private_ip if host else OUTSIDE_IP


def _refuse(target: Target, reason: str) -> Refusal:
    return Refusal(f'timed out on AWS: {target.noun} "{target.name}" cannot be reached: {reason}.')


def _from_outside(view: Ec2View, target: Target) -> Refusal | None:
    if not target.publicly_accessible:
        return Refusal(
            f'timed out on AWS: {target.noun} "{target.name}" is not publicly accessible. '
            "Reach it through an EC2 host of its VPC: labkit.through(instance_id)."
        )
    unrouted = [subnet for subnet in view.subnets(target.subnet_ids) if not _routed_out(view, subnet)]
    if unrouted:
        tables = _list(sorted({view.route_table(subnet).id for subnet in unrouted}))
        return _refuse(
            target,
            "it is publicly accessible, but no route leads there from the internet. Give "
            f"{tables}, the route table of {_list([subnet.id for subnet in unrouted])}, a route 0.0.0.0/0 "
            f"to an internet gateway that is attached to {target.vpc_id}",
        )
    return _ingress(view, target, IPv4Address(OUTSIDE_IP), frozenset(), f"{OUTSIDE_IP} (this notebook)")


def _routed_out(view: Ec2View, subnet: Subnet) -> bool:
    """Whether the most specific route for the notebook's address is an attached internet gateway."""
    outside = IPv4Address(OUTSIDE_IP)
    matching = [route for route in view.route_table(subnet).routes if outside in ip_network(route.cidr)]
    if not matching:
        return False
    best = max(matching, key=lambda route: ip_network(route.cidr).prefixlen)
    return best.gateway_id is not None and view.gateway_attached(best.gateway_id, subnet.vpc_id)


def _from_function(view: Ec2View, interface: Interface, target: Target) -> Refusal | None:
    if interface.security_group_ids:
        return _from_host(view, _as_host(view, interface, target), target, interface.noun)
    groups = [group for group in map(view.group, target.security_group_ids) if group]
    rules = [rule for group in groups for rule in group.ingress if rule.covers(target.port)]
    if any(rule.group_id or _meets(view, rule, target) for rule in rules):
        return None
    return _refuse(
        target,
        f"its security group {_list(target.security_group_ids)} lets nothing of {target.vpc_id} connect to "
        f"port {target.port}, so no place there would do for {interface.function}. Admit a security group "
        "with authorize_security_group_ingress",
    )


def _meets(view: Ec2View, rule: Rule, target: Target) -> bool:
    """Whether a rule admits addresses of the target's own subnets."""
    subnets = [ip_network(subnet.cidr) for subnet in view.subnets(target.subnet_ids)]
    return any(ip_network(cidr).overlaps(subnet) for cidr in view.cidrs(rule) for subnet in subnets)


def _as_host(view: Ec2View, interface: Interface, target: Target) -> Host:
    """The host that a function's network interface amounts to."""
    subnets = view.subnets(interface.subnet_ids or target.subnet_ids)
    somewhere = str(ip_network(subnets[0].cidr)[_INTERFACE]) if subnets else NOWHERE
    return Host(
        id=interface.function,
        state="running",
        vpc_id=subnets[0].vpc_id if subnets else "",
        subnet_id=subnets[0].id if subnets else "",
        private_ip=interface.private_ip or somewhere,
        private_name="",
        profile=None,
        security_group_ids=interface.security_group_ids,
    )


def _from_host(view: Ec2View, host: Host, target: Target, noun: str = "EC2 host") -> Refusal | None:
    if host.id == target.name:
        return None  # a host that talks to itself does not pass its groups
    if host.state != "running":
        return _refuse(target, f"the {noun} {host.id} is {host.state}. Start it and try again")
    if host.vpc_id != target.vpc_id:
        return _refuse(
            target,
            f"the {noun} {host.id} is in {host.vpc_id} and the {target.noun} in {target.vpc_id}. "
            f"Use a {noun.rpartition(' ')[2]} in the same VPC",
        )
    addresses = [subnet.cidr for subnet in view.subnets(target.subnet_ids)]
    members = frozenset(target.security_group_ids)
    groups = [view.group(group_id) for group_id in host.security_group_ids]
    rules = [rule for group in groups if group for rule in group.egress]
    if not any(_leaves(view, rule, target.port, addresses, members) for rule in rules):
        return _refuse(
            target,
            f"no outbound rule of the {noun.rpartition(' ')[2]}'s security group "
            f"{_list(host.security_group_ids)} lets {host.id} connect to port "
            f"{target.port}. Add an egress rule for tcp {target.port}",
        )
    origin = f"{host.private_ip} ({noun} {host.id} in security group {_list(host.security_group_ids)})"
    return _ingress(view, target, IPv4Address(host.private_ip), frozenset(host.security_group_ids), origin)


def _leaves(view: Ec2View, rule: Rule, port: int, targets: list[str], members: frozenset[str]) -> bool:
    if not rule.covers(port):
        return False
    if rule.group_id is not None:
        return rule.group_id in members
    allowed = [ip_network(cidr) for cidr in view.cidrs(rule)]
    return any(ip_network(cidr).overlaps(block) for cidr in targets for block in allowed)


def _ingress(
    view: Ec2View, target: Target, address: IPv4Address, members: frozenset[str], origin: str
) -> Refusal | None:
    groups = [group for group in map(view.group, target.security_group_ids) if group]
    for group in groups:
        if any(_enters(view, rule, target.port, address, members) for rule in group.ingress):
            return None
    names = _list(target.security_group_ids)
    source = _list(sorted(members)) if members else f"{address}/32"
    return _refuse(
        target,
        f"its security group {names} has no inbound rule for tcp {target.port} from {origin}"
        f"{_present(groups, target.port)}. Add one with authorize_security_group_ingress: source {source}",
    )


def _enters(view: Ec2View, rule: Rule, port: int, address: IPv4Address, members: frozenset[str]) -> bool:
    if not rule.covers(port):
        return False
    if rule.group_id is not None:
        return rule.group_id in members
    return any(address in ip_network(cidr) for cidr in view.cidrs(rule))


def _present(groups: list[Group], port: int) -> str:
    rules = [rule.source for group in groups for rule in group.ingress if rule.covers(port)]
    return f" (only from {_list(rules)})" if rules else ""


def _list(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (", ".join(names[:_NAMED]) or "(none)") + more
