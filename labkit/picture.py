"""`topology()`: a picture of the live account, drawn from what its APIs say now."""

from html import escape

from labkit.account import Account, Group, Resource, Subnet, Vpc, read_account
from labkit.backends import backend
from labkit.display import text_table
from labkit.flows import Sentence, sentences
from labkit.layout import GATEWAY, NARROWEST, Box, Plan, Planner, Wire
from labkit.svg import arrow, document, dot, measure, pill, rect, text

_MARGIN, _HEAD, _SKY = 18, 40, 62
_GROUP_COLOURS = ("#2f7ed8", "#d9730d", "#2e9e5b", "#b04ac2", "#c9403f", "#0f97a6", "#9a7b16", "#6b6fd6")
_GOOD = {"available", "running", "in-sync"}
_BAD = {"failed", "stopped", "storage-full", "incompatible-network", "incompatible-parameters"}


class Topology:
    """The picture; a notebook shows it as SVG, everything else as text."""

    def __init__(self, account: Account, *, account_id: str, region: str) -> None:
        self._account = account
        self._title = f"Account {account_id} in {region}"

    def _repr_svg_(self) -> str:
        y, body, width = float(_HEAD), "", NARROWEST + 2.0 * _MARGIN
        for vpc in self._account.vpcs:
            y += _SKY if vpc.gateway else 8
            plan = Planner(vpc, _MARGIN, y).place()
            body += _vpc(plan)
            width = max(width, plan.frame.right + _MARGIN)
            y = plan.frame.bottom + _MARGIN
        if not self._account.vpcs:
            body += text(
                _MARGIN,
                y + 18,
                "Nothing here yet but the default VPC: no network, no host, no database.",
                colour="soft",
            )
            y += 40
        for note in self._account.notes:
            body += text(_MARGIN, y + 14, note, size=11, colour="soft", room=width - 2 * _MARGIN)
            y += 20
        head = text(_MARGIN, 26, self._title, size=14, weight=600)
        return document(
            width, y, head + body, title=f"{self._title}: network and databases", description=repr(self)
        )

    def _repr_html_(self) -> str:
        # inline, so that the picture follows JupyterLab's theme
        return self._repr_svg_()

    def __repr__(self) -> str:
        if not self._account.vpcs:
            lines = ["  nothing yet but the default VPC"]
        else:
            lines = [line for vpc in self._account.vpcs for line in _words(vpc)]
        return "\n".join([self._title, *lines, *(f"  note: {note}" for note in self._account.notes)])


def topology(vpc_id: str | None = None) -> Topology:
    """Draw the live account: its VPCs in use (or the one given), what is in them and who may reach whom."""
    target = backend()
    return Topology(
        read_account(target.session(), vpc_id), account_id=target.account_id, region=target.region
    )


def _words(vpc: Vpc) -> list[str]:
    lines = [
        f"  VPC {vpc.name} {vpc.cidr}" + (", internet gateway" if vpc.gateway else ", no internet gateway")
    ]
    for subnet in sorted(vpc.subnets, key=lambda each: (each.zone, not each.public, each.name)):
        kind = "public" if subnet.public else "private"
        lines.append(f"    {subnet.zone}: {kind} subnet {subnet.name} {subnet.cidr} ({subnet.way_out})")
        inside = [item for item in vpc.resources if item.subnet_id == subnet.id]
        lines += [f"      {item.role} {item.name}: {item.status}, {item.detail}" for item in inside]
    names = {group.id: group.name for group in vpc.groups}
    said = [
        (f"    {item.source}", f"→ {item.ports or '–'} →", names[item.group], ", ".join(item.members))
        for item in sentences(vpc)
    ]
    return lines + (["  who may reach whom", *text_table(said).splitlines()] if said else [])


def _vpc(plan: Plan) -> str:
    frame, vpc = plan.frame, plan.vpc
    colours = {
        group.id: _GROUP_COLOURS[index % len(_GROUP_COLOURS)] for index, group in enumerate(_used(vpc))
    }
    names = {group.id: group.name for group in vpc.groups}
    parts = [
        rect(frame.x, frame.y, frame.width, frame.height, fill="none", stroke="vpc", radius=10, thick=1.6)
    ]
    label = f"VPC {vpc.name}" + (" (default)" if vpc.default else "")
    parts.append(
        text(frame.x + 16, frame.y + 26, label, size=13, weight=600, colour="vpc", room=NARROWEST / 2 - 150)
    )
    parts.append(text(frame.right - 16, frame.y + 26, vpc.cidr, colour="soft", anchor="end"))
    parts += [_zone(zone, box) for zone, box in plan.zones]
    parts += [_subnet(subnet, box) for subnet, box in plan.subnets]
    if vpc.gateway:
        parts.append(_gateway(frame.x + NARROWEST / 2, frame.y))
    parts += [arrow(wire.points) for wire in plan.wires]
    parts += [_card(vpc.resources[index], box, colours, names) for index, box in plan.cards.items()]
    parts += [_port(wire) for wire in plan.wires]
    parts.append(_panel(plan, colours, names))
    below = plan.panel[-1][1].bottom if plan.panel else frame.bottom - 16 - 18 * len(plan.notes)
    parts += [
        text(frame.x + 16, below + 18 * (row + 1), note, size=11, colour="soft")
        for row, note in enumerate(plan.notes)
    ]
    return "".join(parts)


def _used(vpc: Vpc) -> list[Group]:
    spoken = {item.group for item in sentences(vpc)} | {item.source_group for item in sentences(vpc)}
    return [group for group in vpc.groups if group.id in spoken]


def _gateway(x: float, y: float) -> str:
    return (
        rect(x - 46, y - 54, 92, 26, fill="pill", radius=13)
        + text(x, y - 37, "Internet", weight=600, anchor="middle")
        + f'<path d="M{x:g} {y - 28:g}V{y - 12:g}" stroke-width="1.6" style="stroke:var(--soft)"/>'
        + rect(x - 62, y - GATEWAY / 2, 124, GATEWAY, fill="paper", stroke="vpc", radius=12, thick=1.6)
        + text(x, y + 4, "internet gateway", size=11, colour="vpc", weight=600, anchor="middle")
    )


def _zone(zone: str, box: Box) -> str:
    return rect(box.x, box.y, box.width, box.height, fill="none", dash="5 4", radius=8) + text(
        box.x + box.width / 2, box.y + 20, zone, size=12, colour="soft", weight=600, anchor="middle"
    )


def _subnet(subnet: Subnet, box: Box) -> str:
    kind = "public" if subnet.public else "private"
    return (
        rect(box.x, box.y, box.width, box.height, fill=kind, stroke=f"{kind}line")
        + text(box.x + 12, box.y + 19, subnet.name, weight=600, room=box.width - 130)
        + text(box.right - 12, box.y + 19, subnet.cidr, size=11, colour="soft", anchor="end")
        + text(box.x + 12, box.y + 36, f"{kind} · {subnet.way_out}", size=11, colour=f"{kind}line")
    )


def _card(item: Resource, box: Box, colours: dict[str, str], names: dict[str, str]) -> str:
    state = "good" if item.status in _GOOD else "bad" if item.status in _BAD else "busy"
    parts = [
        rect(box.x, box.y, box.width, box.height, stroke="soft", dash="4 3" if item.standby else ""),
        _icon(item.kind, box.x + 10, box.y + 11),
        text(box.x + 42, box.y + 19, item.name, weight=600, room=box.width - 50),
        dot(box.x + 46, box.y + 31, state),
        text(
            box.x + 55,
            box.y + 35,
            f"{item.role} · {item.status}",
            size=11,
            colour="soft",
            room=box.width - 62,
        ),
    ]
    if item.groups:
        x = box.x + 12
        room = (box.width - 16) / min(2, len(item.groups)) - 12
        for group in item.groups[:2]:
            parts.append(dot(x + 4, box.y + 53, colours.get(group, "soft")))
            parts.append(text(x + 13, box.y + 57, names.get(group, group), size=11, room=room - 4))
            x += room + 12
    tip = "; ".join(filter(None, [item.detail, ", ".join(names.get(group, group) for group in item.groups)]))
    return f"<g><title>{escape(tip)}</title>{''.join(parts)}</g>"


def _icon(kind: str, x: float, y: float) -> str:
    shapes = {
        "host": '<rect x="2" y="2" width="20" height="20" rx="3"/>'
        '<rect x="8" y="8" width="8" height="8" rx="1"/>',
        "database": '<ellipse cx="12" cy="5" rx="10" ry="3.6"/>'
        '<path d="M2 5v14c0 2 4.5 3.6 10 3.6s10-1.6 10-3.6V5M2 12c0 2 4.5 3.6 10 3.6s10-1.6 10-3.6"/>',
        "cache": '<path d="M13 1 4 14h7l-1 9 10-14h-7z"/>',
    }
    return (
        f'<g transform="translate({x:g} {y:g})" fill="none" stroke-width="1.7" stroke-linejoin="round" '
        f'style="stroke:var(--vpc)">{shapes[kind]}</g>'
    )


def _port(wire: Wire) -> str:
    x, y = wire.points[-1]
    return pill(x - 26 if wire.from_left else x + 26, y, wire.label) if len(wire.label) <= 9 else ""


def _panel(plan: Plan, colours: dict[str, str], names: dict[str, str]) -> str:
    if not plan.panel:
        return ""
    first = plan.panel[0][1]
    parts = [text(first.x, first.y - 14, "Who may reach whom (security groups)", size=12, weight=600)]
    for sentence, box in plan.panel:
        parts.append(_sentence(sentence, box, colours, names))
    return "".join(parts)


def _sentence(sentence: Sentence, box: Box, colours: dict[str, str], names: dict[str, str]) -> str:
    y, middle = box.y + 13, 330
    tint = "bad" if sentence.open_to_all else "soft"
    source, end = _party(box.x, y, sentence.source, colours.get(sentence.source_group or "", tint), 210)
    target, close = _party(box.x + middle, y, names[sentence.group], colours[sentence.group], 200)
    if sentence.ports:
        way = arrow(((end + 8, y), (box.x + middle - 8, y))) + pill(box.x + 268, y, sentence.ports)
    else:
        way = text((end + box.x + middle) / 2, y + 4, "may enter", size=11, colour="soft", anchor="middle")
    members = ", ".join(sentence.members) or "nothing is in this group"
    return (
        source
        + way
        + target
        + text(close + 12, y + 4, members, size=11, colour="soft", room=box.right - close - 12)
    )


def _party(x: float, y: float, name: str, colour: str, room: float) -> tuple[str, float]:
    """A pill with the name, and the x at which it ends."""
    width = min(room, measure(name, 11.5) + 36)
    drawn = rect(x, y - 11, width, 22, fill="pill", radius=11) + dot(x + 13, y, colour)
    return drawn + text(x + 23, y + 4, name, size=11.5, room=width - 31), x + width
