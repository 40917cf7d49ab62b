"""Where everything in a VPC's picture goes: columns are zones, rows are tiers, lines run between."""

from collections import defaultdict
from dataclasses import dataclass, field

from labkit.account import Resource, Subnet, Vpc
from labkit.flows import INTERNET, Flow, Sentence, flows, sentences

COLUMN, CARD_HEIGHT, CARD_GAP, INSET = 316, 66, 10, 50
SUBNET_HEAD, ZONE_HEAD, VPC_HEAD, ROW_GAP = 48, 30, 44, 18
PAD, LANE, PANEL_HEAD, PANEL_ROW, GATEWAY = 12, 9, 46, 32, 24
MOST_FLOWS, MOST_ZONES, NARROWEST = 10, 3, 780

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle in the picture, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of its bottom edge."""
        return self.y + self.height


@dataclass(frozen=True)
class Wire:
    """An arrow: its corners, and the label beside its head."""

    points: tuple[Point, ...]
    label: str
    from_left: bool


@dataclass
class Plan:
    """The places of one VPC's parts."""

    vpc: Vpc
    frame: Box = field(default_factory=lambda: Box(0, 0, 0, 0))
    zones: list[tuple[str, Box]] = field(default_factory=list)
    subnets: list[tuple[Subnet, Box]] = field(default_factory=list)
    cards: dict[int, Box] = field(default_factory=dict)
    wires: list[Wire] = field(default_factory=list)
    panel: list[tuple[Sentence, Box]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Planner:
    """Places one VPC, from its top left corner."""

    def __init__(self, vpc: Vpc, x: float, y: float) -> None:
        self.plan = Plan(vpc)
        self._x, self._y = x, y
        self._zones = self._shown_zones()
        self._places = self._rows()
        self._cell = {subnet.id: place for place, subnet in self._places.items()}
        self._flows = self._shown_flows()
        self._lanes: dict[int, int] = defaultdict(int)
        self._entries: dict[int, list[tuple[str, bool]]] = defaultdict(list)

    def place(self) -> Plan:
        """Positions for everything in the VPC."""
        self._channel = self._y + VPC_HEAD
        self._top = self._channel + (12 if any(flow.source == INTERNET for flow in self._flows) else 0)
        self._lefts = self._columns()
        bottom = self._place_subnets()
        self.plan.wires = [self._wire(flow) for flow in self._flows]
        right = self._lefts[-1] + self._column + self._gutter(max(1, len(self._zones)))
        bottom = self._place_panel(bottom, right)
        self.plan.frame = Box(self._x, self._y, right - self._x, bottom - self._y)
        return self.plan

    def _shown_zones(self) -> list[str]:
        vpc = self.plan.vpc
        zones = sorted({subnet.zone for subnet in vpc.subnets})
        used = {
            subnet.zone
            for subnet in vpc.subnets
            if any(item.subnet_id == subnet.id for item in vpc.resources)
        }
        if len(zones) <= MOST_ZONES:
            return zones
        spare = [zone for zone in zones if zone not in used]
        hidden = set(spare[max(0, 2 - len(used)) :])
        if hidden:
            self.plan.notes.append(f"Not drawn, since nothing is in them: {', '.join(sorted(hidden))}.")
        return [zone for zone in zones if zone not in hidden]

    def _rows(self) -> dict[tuple[int, int], Subnet]:
        """The subnet at each (column, row): public tiers above private ones, in step across the zones."""
        places: dict[tuple[int, int], Subnet] = {}
        first = 0
        for public in (True, False):
            tiers = [
                sorted(
                    (s for s in self.plan.vpc.subnets if s.zone == zone and s.public is public),
                    key=lambda s: (s.name, s.cidr),
                )
                for zone in self._zones
            ]
            for column, tier in enumerate(tiers):
                places |= {(column, first + row): subnet for row, subnet in enumerate(tier)}
            first += max(map(len, tiers), default=0)
        return places

    def _shown_flows(self) -> list[Flow]:
        items = self.plan.vpc.resources
        drawn = {index for index, item in enumerate(items) if item.subnet_id in self._cell} | {INTERNET}
        found = [flow for flow in flows(self.plan.vpc) if {flow.source, flow.target} <= drawn]
        if len(found) > MOST_FLOWS:
            self.plan.notes.append(
                f"{len(found)} permitted ways between these: read them in the table, not as arrows."
            )
            return []
        return found

    def _column_of(self, index: int) -> int:
        return self._cell[self.plan.vpc.resources[index].subnet_id][0]

    def _route(self, flow: Flow) -> tuple[int, int]:
        """The gutters in which the arrow leaves its source and enters its target."""
        target = self._column_of(flow.target)
        if flow.source == INTERNET:
            return target, target
        source = self._column_of(flow.source)
        if source == target:
            return target, target
        return (source + 1, target) if source < target else (source, target + 1)

    def _gutter(self, number: int) -> float:
        lanes = sum(gutter == number for flow in self._flows for gutter in set(self._route(flow)))
        return 16 + LANE * lanes

    def _columns(self) -> list[float]:
        count = max(1, len(self._zones))
        gutters = [self._gutter(number) for number in range(count + 1)]
        self._column = max(COLUMN, (NARROWEST - sum(gutters)) / count)
        return [self._x + sum(gutters[: column + 1]) + column * self._column for column in range(count)]

    def _inside(self, subnet: Subnet) -> list[tuple[int, Resource]]:
        return [
            (index, item) for index, item in enumerate(self.plan.vpc.resources) if item.subnet_id == subnet.id
        ]

    def _place_subnets(self) -> float:
        y = self._top + ZONE_HEAD
        for row in range(1 + max((row for _, row in self._places), default=-1)):
            subnets = [(column, subnet) for (column, at), subnet in self._places.items() if at == row]
            most = max(len(self._inside(subnet)) for _, subnet in subnets)
            height = SUBNET_HEAD + max(most * (CARD_HEIGHT + CARD_GAP), 14)
            for column, subnet in subnets:
                box = Box(self._lefts[column] + PAD, y, self._column - 2 * PAD, height)
                self.plan.subnets.append((subnet, box))
                for place, (index, _) in enumerate(self._inside(subnet)):
                    top = y + SUBNET_HEAD + place * (CARD_HEIGHT + CARD_GAP)
                    self.plan.cards[index] = Box(box.x + INSET, top, box.width - 2 * INSET, CARD_HEIGHT)
            y += height + ROW_GAP
        bottom = y - ROW_GAP + PAD
        self.plan.zones = [
            (zone, Box(left, self._top, self._column, bottom - self._top))
            for zone, left in zip(self._zones, self._lefts, strict=False)
        ]
        return bottom if self._zones else self._top

    def _lane(self, gutter: int) -> float:
        left = self._x if gutter == 0 else self._lefts[gutter - 1] + self._column
        self._lanes[gutter] += 1
        return left + 8 + LANE * (self._lanes[gutter] - 0.5)

    def _wire(self, flow: Flow) -> Wire:
        target, (leaving, entering) = self.plan.cards[flow.target], self._route(flow)
        from_left = entering == self._column_of(flow.target)
        head = (target.x if from_left else target.right, target.y + self._entry(flow, from_left))
        lane = self._lane(entering)
        if flow.source == INTERNET:
            tail = (self._x + NARROWEST / 2, self._y + GATEWAY / 2)
            middle: tuple[Point, ...] = ((tail[0], self._channel), (lane, self._channel))
        else:
            source = self.plan.cards[flow.source]
            to_left = leaving == self._column_of(flow.source)
            # two hosts that face each other across a gutter must not seem joined
            tail = (source.x if to_left else source.right, source.bottom - (10 if to_left else 20))
            middle = ((lane, tail[1]),)
            if leaving != entering:
                first = self._lane(leaving)
                gap = (
                    min(box.y for _, box in self.plan.subnets if box.y <= target.y < box.bottom) - ROW_GAP / 2
                )
                middle = ((first, tail[1]), (first, gap), (lane, gap))
        return Wire((tail, *middle, (lane, head[1]), head), flow.label, from_left)

    def _entry(self, flow: Flow, from_left: bool) -> float:
        """How far below the card's top the arrow comes in: arrows of the same label share their head."""
        taken = self._entries[flow.target]
        if (flow.label, from_left) not in taken:
            taken.append((flow.label, from_left))
        side = [label for label, left in taken if left == from_left]
        return 14 + 19 * min(1, side.index(flow.label))

    def _place_panel(self, bottom: float, right: float) -> float:
        said = sentences(self.plan.vpc)
        y = bottom + (PANEL_HEAD if said else 0)
        for sentence in said:
            self.plan.panel.append((sentence, Box(self._x + 16, y, right - self._x - 32, PANEL_ROW)))
            y += PANEL_ROW
        return y + 16 + 18 * len(self.plan.notes)
