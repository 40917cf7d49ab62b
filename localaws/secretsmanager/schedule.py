"""When a secret is rotated: rate and cron expressions.

AWS: "Schedule expressions in Secrets Manager rotation" in the Secrets Manager user guide.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_RATE = re.compile(r"rate\(\s*(\d+) +(hour|hours|day|days)\s*\)\Z")
_CRON = re.compile(r"cron\(\s*(\S+) +(\S+) +(\S+) +(\S+) +(\S+) +(\S+)\s*\)\Z")
_DURATION = re.compile(r"(\d{1,2})h\Z")
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_LONGEST = timedelta(days=999)
_HOUR = timedelta(hours=1)
_SHORTEST = 4
"""Hours between two rotations."""


class ScheduleError(ValueError):
    """The expression is none that Secrets Manager takes."""


@dataclass(frozen=True)
class Schedule:
    """A secret's rotation rules."""

    expression: str

    def following(self, moment: float) -> float:
        """Return the first rotation after a moment; both in epoch seconds."""
        rate = _RATE.match(self.expression)
        if rate:
            return moment + _rate_hours(rate) * 3600
        cron = _CRON.match(self.expression)
        if cron is None:
            raise ScheduleError("Invalid ScheduleExpression.")
        return _next(_Cron.parse(*cron.groups()), datetime.fromtimestamp(moment, UTC)).timestamp()


def duration(text: str) -> int:
    """Length of the rotation window in hours."""
    found = _DURATION.match(text)
    if found is None or not 1 <= int(found[1]) <= 24:
        raise ScheduleError("Invalid Duration. Give hours from 1h to 24h.")
    return int(found[1])


def _rate_hours(rate: re.Match[str]) -> int:
    hours = int(rate[1]) * (24 if rate[2].startswith("day") else 1)
    if not _SHORTEST <= hours <= _LONGEST.days * 24:
        raise ScheduleError("Invalid ScheduleExpression: a rate is from 4 hours to 999 days.")
    return hours


@dataclass(frozen=True)
class _Cron:
    """The hours, days and months that an expression names."""

    hours: frozenset[int]
    day: str
    months: frozenset[int]
    weekday: str

    @classmethod
    def parse(cls, minutes: str, hours: str, day: str, month: str, weekday: str, year: str) -> _Cron:
        if minutes != "0" or year != "*":
            raise ScheduleError("Invalid ScheduleExpression: minutes are 0 and the year is *.")
        if (day == "?") == (weekday == "?"):
            raise ScheduleError(
                "Invalid ScheduleExpression: one of day-of-month and day-of-week is ?, the other is not."
            )
        made = cls(_values(hours, 0, 23), day, _values(month, 1, 12, _MONTHS), weekday.upper())
        made.on(datetime(2024, 1, 1, tzinfo=UTC))
        return made

    def on(self, date: datetime) -> bool:
        """Whether the day is one of its days."""
        if date.month not in self.months:
            return False
        last = calendar.monthrange(date.year, date.month)[1]
        if self.day != "?":
            wanted = frozenset([last]) if self.day == "L" else _values(self.day, 1, 31)
            return date.day in wanted
        number = date.isoweekday() % 7 + 1
        name, _, nth = self.weekday.partition("#")
        if nth:
            return number in _values(name, 1, 7, _DAYS) and nth == str((date.day + 6) // 7)
        if name.endswith("L") and name != "L":
            return number in _values(name[:-1], 1, 7, _DAYS) and date.day > last - 7
        return number in (frozenset([7]) if name == "L" else _values(name, 1, 7, _DAYS))


def _next(cron: _Cron, moment: datetime) -> datetime:
    end = moment + _LONGEST
    step = moment.replace(minute=0, second=0, microsecond=0) + _HOUR
    while step < end:
        if not cron.on(step):
            step = step.replace(hour=0) + timedelta(days=1)
        elif step.hour in cron.hours:
            return step
        else:
            step += _HOUR
    raise ScheduleError("Invalid ScheduleExpression: it names no day of the next 999.")


def _values(text: str, first: int, last: int, names: dict[str, int] | None = None) -> frozenset[int]:
    found: set[int] = set()
    for part in text.upper().split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        start = first if low in ("*", "") else _number(low, names)
        end = last if low in ("*", "") or (step and not high) else _number(high or low, names)
        found.update(range(start, end + 1, max(1, _number(step or "1", None))))
    if not found or min(found) < first or max(found) > last:
        raise ScheduleError(f"Invalid ScheduleExpression: {text} is not within {first}-{last}.")
    return frozenset(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    if names and text in names:
        return names[text]
    if not text.isdigit():
        raise ScheduleError(f"Invalid ScheduleExpression: {text} is not understood.")
    return int(text)
