"""`dashboard()`: a CloudWatch dashboard drawn from what the live account says now."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from labkit.backends import backend
from labkit.chart import COLOURS, Limit, Line, chart, short
from labkit.errors import PictureError
from labkit.layout import Box
from labkit.svg import document, dot, rect, text

_COLUMN, _UNIT, _GAP, _HEAD, _MARGIN = 44, 44, 8, 42, 12
_WIDTH, _HEIGHT = 6, 6
"""Size of a widget that does not say its own."""
_MINUTES = 60
_STATES = {"OK": "good", "ALARM": "bad", "INSUFFICIENT_DATA": "busy"}


@dataclass(frozen=True)
class Widget:
    """One widget with what the account says about it."""

    kind: str
    title: str
    box: Box
    view: str = "timeSeries"
    lines: tuple[Line, ...] = ()
    limits: tuple[Limit, ...] = ()
    alarms: tuple[tuple[str, str, str], ...] = ()
    """Name, state and reason."""
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Span:
    """The time that is shown."""

    start: datetime
    end: datetime


class Dashboard:
    """The picture; a notebook shows it as SVG, everything else as text."""

    def __init__(self, name: str, widgets: Sequence[Widget], span: Span) -> None:
        self.name = name
        self.widgets = tuple(widgets)
        self._span = span

    def _repr_svg_(self) -> str:
        body = text(_MARGIN + 4, 26, f"Dashboard {self.name}", size=14, weight=600)
        body += "".join(_draw(widget, self._span) for widget in self.widgets)
        width = 24 * _COLUMN + 2 * _MARGIN
        height = max((widget.box.bottom for widget in self.widgets), default=_HEAD) + _MARGIN
        return document(width, height, body, title=f"Dashboard {self.name}", description=repr(self))

    def _repr_html_(self) -> str:
        # inline, so that the picture follows JupyterLab's theme
        return self._repr_svg_()

    def __repr__(self) -> str:
        lines = [f"Dashboard {self.name}"]
        for widget in self.widgets:
            lines.append(f"  {widget.title or widget.kind}")
            lines += [f"    {line.label}: {_last(line)}" for line in widget.lines]
            lines += [f"    {name}: {state}" for name, state, _ in widget.alarms]
        return "\n".join(lines)


def dashboard(name: str, minutes: float = _MINUTES) -> Dashboard:
    """Draw a dashboard of the account: its metrics over the last minutes, and the alarms as they are now."""
    session = backend().session()
    end = datetime.now(UTC)
    reader = _Reader(session, Span(end - timedelta(minutes=minutes), end))
    client = reader.client(str(session.region_name))
    try:
        body = json.loads(client.get_dashboard(DashboardName=name)["DashboardBody"])
    except client.exceptions.ResourceNotFound as error:
        known = ", ".join(each["DashboardName"] for each in client.list_dashboards()["DashboardEntries"])
        raise PictureError(
            f"There is no dashboard {name!r}. There is: {known or 'none; make one with put_dashboard'}."
        ) from error
    return Dashboard(name, reader.widgets(body.get("widgets", [])), reader.span)


@dataclass
class _Reader:
    """Asks the account what the widgets show."""

    session: Any
    span: Span
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, region: str) -> Any:
        """A CloudWatch client of a Region, kept."""
        if region not in self.clients:
            self.clients[region] = self.session.client("cloudwatch", region_name=region)
        return self.clients[region]

    def widgets(self, given: Sequence[Mapping[str, Any]]) -> list[Widget]:
        """All widgets in their places; one without a place stands below the others."""
        found, below = [], 0
        for each in given:
            width, height = int(each.get("width", _WIDTH)), int(each.get("height", _HEIGHT))
            x, y = int(each.get("x", 0)), int(each.get("y", below))
            below = max(below, y + height)
            box = Box(
                _MARGIN + x * _COLUMN + _GAP / 2,
                _HEAD + y * _UNIT + _GAP / 2,
                width * _COLUMN - _GAP,
                height * _UNIT - _GAP,
            )
            found.append(self._widget(each["type"], each.get("properties", {}), box))
        return found

    def _widget(self, kind: str, properties: Mapping[str, Any], box: Box) -> Widget:
        title = str(properties.get("title", ""))
        if kind == "text":
            return Widget(kind, title, box, words=tuple(_plain(str(properties.get("markdown", "")))))
        if kind == "alarm":
            return Widget(kind, title or "Alarms", box, alarms=self._alarms(properties.get("alarms", ())))
        if kind != "metric":
            return Widget(kind, title, box, words=(f"Widgets of the type {kind} are not drawn.",))
        annotations = properties.get("annotations", {})
        limits = [
            Limit(str(each.get("label", short(float(each["value"])))), float(each["value"]))
            for each in annotations.get("horizontal", ())
            if isinstance(each, Mapping)
        ]
        lines = self._lines(properties)
        for arn in annotations.get("alarms", ()):
            more, limit = self._alarm_line(arn, properties)
            lines += more
            limits += limit
        view = str(properties.get("view", "timeSeries"))
        return Widget(kind, title, box, view=view, lines=tuple(lines), limits=tuple(limits))

    def _alarms(self, arns: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
        found = []
        for arn in arns:
            alarm = self._alarm(arn)
            name = arn.rpartition(":alarm:")[2]
            state = alarm["StateValue"] if alarm else "deleted"
            found.append((name, state, alarm["StateReason"] if alarm else "There is no such alarm."))
        return tuple(found)

    def _alarm(self, arn: str) -> Any:
        client = self.client(arn.split(":")[3])
        kinds = ["MetricAlarm", "CompositeAlarm"]
        found = client.describe_alarms(AlarmNames=[arn.rpartition(":alarm:")[2]], AlarmTypes=kinds)
        return next(iter([*found["MetricAlarms"], *found["CompositeAlarms"]]), None)

    def _alarm_line(self, arn: str, properties: Mapping[str, Any]) -> tuple[list[Line], list[Limit]]:
        alarm = self._alarm(arn)
        if alarm is None or not alarm.get("MetricName"):
            return [], []
        pairs = [word for each in alarm["Dimensions"] for word in (each["Name"], each["Value"])]
        options = {"stat": alarm.get("Statistic") or alarm["ExtendedStatistic"], "period": alarm["Period"]}
        metric = [alarm["Namespace"], alarm["MetricName"], *pairs, options]
        lines = self._lines({**properties, "metrics": [metric], "region": arn.split(":")[3]})
        return lines, [Limit(f"{alarm['AlarmName']} ({alarm['StateValue']})", float(alarm["Threshold"]))]

    def _lines(self, properties: Mapping[str, Any]) -> list[Line]:
        queries = metric_queries(properties)
        if not queries:
            return []
        client = self.client(str(properties.get("region") or self.session.region_name))
        asked = [{key: value for key, value in query.items() if key != "Colour"} for query in queries]
        found = client.get_metric_data(
            MetricDataQueries=asked,
            StartTime=self.span.start,
            EndTime=self.span.end,
            ScanBy="TimestampAscending",
        )["MetricDataResults"]
        chosen = {query["Id"]: query.get("Colour") for query in queries}
        return [
            Line(
                each["Label"],
                tuple(zip(each["Timestamps"], each["Values"], strict=True)),
                chosen.get(each["Id"]) or COLOURS[number % len(COLOURS)],
            )
            for number, each in enumerate(found)
        ]


def metric_queries(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The metrics of a widget as GetMetricData asks for them (Dashboard body structure: metrics array)."""
    queries: list[dict[str, Any]] = []
    before: list[str] = []
    for number, given in enumerate(properties.get("metrics", ())):
        options = dict(given[-1]) if isinstance(given[-1], Mapping) else {}
        words = _repeated([word for word in given if isinstance(word, str)], before)
        query: dict[str, Any] = {
            "Id": options.get("id", f"line{number}"),
            "ReturnData": options.get("visible", True),
        }
        if "label" in options:
            query["Label"] = options["label"]
        if str(options.get("color", "")).startswith("#"):
            query["Colour"] = options["color"]
        period = int(options.get("period", properties.get("period", 300)))
        if words:
            before = words
            query.setdefault("Label", f"{words[1]} {words[-1]}" if len(words) > 2 else words[1])
            stat = options.get("stat", properties.get("stat", "Average"))
            query["MetricStat"] = _metric_stat(words, period, stat)
        else:
            query |= {"Expression": options["expression"], "Period": period}
        queries.append(query)
    return queries


def _metric_stat(words: Sequence[str], period: int, stat: str) -> dict[str, Any]:
    pairs = zip(words[2::2], words[3::2], strict=True)
    dimensions = [{"Name": name, "Value": value} for name, value in pairs]
    metric = {"Namespace": words[0], "MetricName": words[1], "Dimensions": dimensions}
    return {"Metric": metric, "Period": period, "Stat": stat}


def _repeated(words: list[str], before: Sequence[str]) -> list[str]:
    """A metric's words with `.` and `...` written out."""
    if "..." in words:
        place = words.index("...")
        rest = words[place + 1 :]
        words = [*words[:place], *before[place : len(before) - len(rest)], *rest]
    return [before[number] if word == "." else word for number, word in enumerate(words)]


def _plain(markdown: str) -> list[str]:
    return [line.lstrip("# ").replace("**", "").strip() for line in markdown.splitlines() if line.strip()]


def _last(line: Line) -> str:
    return short(line.points[-1][1]) if line.points else "no data"


def _draw(widget: Widget, span: Span) -> str:
    box = widget.box
    parts = [rect(box.x, box.y, box.width, box.height)]
    if widget.title:
        parts.append(text(box.x + 12, box.y + 20, widget.title, weight=600, room=box.width - 24))
    inside = Box(box.x, box.y + 28, box.width, box.height - 34)
    if widget.kind == "metric" and widget.view in ("singleValue", "gauge", "table"):
        parts += [_value(inside, number, line) for number, line in enumerate(widget.lines)]
    elif widget.kind == "metric":
        parts.append(chart(inside, widget.lines, widget.limits, span.start, span.end))
    parts += [_alarm(inside, number, alarm) for number, alarm in enumerate(widget.alarms)]
    top = inside.y if widget.title else box.y + 8
    parts += [
        text(box.x + 12, top + 16 * (row + 1), line, room=box.width - 24)
        for row, line in enumerate(widget.words[: max(int(box.height // 16) - 1, 1)])
    ]
    return "".join(parts)


def _value(box: Box, number: int, line: Line) -> str:
    y = box.y + 26 + number * 46
    return text(box.x + 14, y, _last(line), size=24, weight=600) + text(
        box.x + 14, y + 15, line.label, size=10.5, colour="soft", room=box.width - 28
    )


def _alarm(box: Box, number: int, alarm: tuple[str, str, str]) -> str:
    name, state, reason = alarm
    y = box.y + 14 + number * 34
    return (
        dot(box.x + 16, y, _STATES.get(state, "soft"), 5)
        + text(box.x + 28, y + 4, f"{name} · {state}", weight=600, room=box.width - 40)
        + text(box.x + 28, y + 18, reason, size=10, colour="soft", room=box.width - 40)
    )
