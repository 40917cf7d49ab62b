"""Guess before you measure: a prediction is shown beside the result, kept with it, and never graded."""

import math
from dataclasses import dataclass
from html import escape

from labkit.display import View, html_table, show, text_table
from labkit.measurements import Value, record

_UNITS: dict[str, tuple[str, float]] = {
    "ns": ("time", 1e-9),
    "µs": ("time", 1e-6),
    "us": ("time", 1e-6),
    "ms": ("time", 1e-3),
    "s": ("time", 1.0),
    "min": ("time", 60.0),
    "h": ("time", 3600.0),
    "B": ("size", 1.0),
    "kB": ("size", 1e3),
    "KB": ("size", 1e3),
    "MB": ("size", 1e6),
    "GB": ("size", 1e9),
    "TB": ("size", 1e12),
    "KiB": ("size", 2.0**10),
    "MiB": ("size", 2.0**20),
    "GiB": ("size", 2.0**30),
    "TiB": ("size", 2.0**40),
}
_BAR, _TOO_LONG = 320, 1e300
_GUESS_COLOUR, _MEASURED_COLOUR = "#8a8f98", "#2f7ed8"


@dataclass(frozen=True)
class Prediction:
    """What was guessed, in which unit."""

    guess: Value
    unit: str


_predictions: dict[str, Prediction] = {}


def predict(label: str, guess: object, unit: str = "") -> None:
    """Remember the guess for this label until it is revealed; `...` is no guess yet."""
    if guess is None or guess is ...:
        _predictions.pop(label, None)
        _say(f"{label}: no guess yet. Put a value in place of the dots; nobody grades it.")
        return
    value = _plain(guess)
    _predictions[label] = Prediction(value, unit)
    _say(f"{label}: you predict {amount(value, unit)}.")


def reveal(label: str, measured: object, unit: str | None = None) -> None:
    """Show what was measured beside what was predicted; the unit is the prediction's unless given."""
    value = _plain(measured)
    prediction = _predictions.get(label)
    if prediction is None:
        record(label, value, unit or "")
        _say(
            f"{label}: {amount(value, unit or '')}. You made no prediction; "
            "run the cell with predict(…) first next time."
        )
        return
    shown_unit = prediction.unit if unit is None else unit
    guess = _converted(prediction, shown_unit)
    record(label, value, shown_unit, guess=guess)
    if isinstance(guess, str) or isinstance(value, str):
        show(_words(label, amount(guess, prediction.unit), amount(value, shown_unit)))
    else:
        show(_bars(label, float(guess), float(value), shown_unit))


def amount(value: Value, unit: str) -> str:
    """The value with its unit, to three or four digits."""
    if isinstance(value, str):
        return value
    digits = f"{value:,}" if isinstance(value, int) else _rounded(value)
    if unit == "$":
        return f"${digits}"
    one = digits == "1" and len(unit) > len("ms") and unit.endswith("s")
    return f"{digits} {unit.removesuffix('s') if one else unit}".rstrip()


def _rounded(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return (
        f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}".rstrip("0").rstrip(".")
        if abs(value) < 100
        else f"{value:.0f}"
    )


def _converted(prediction: Prediction, unit: str) -> Value:
    own, wanted = _UNITS.get(prediction.unit), _UNITS.get(unit)
    if isinstance(prediction.guess, str) or own is None or wanted is None or own[0] != wanted[0]:
        return prediction.guess
    return prediction.guess if own == wanted else prediction.guess * own[1] / wanted[1]


def _verdict(guess: float, measured: float) -> str:
    if guess == measured:
        return "exactly what you said"
    if measured == 0:
        return "none at all"
    if guess * measured <= 0:
        return "you expected none" if guess == 0 else "the other way round"
    ratio = measured / guess
    if 0.9 <= ratio <= 1.1:
        return "within 10 % of your guess"
    return (
        f"{_rounded(ratio)} × your guess" if ratio > 1 else f"your guess was {_rounded(1 / ratio)} × too high"
    )


def _words(label: str, guess: str, measured: str) -> View:
    said = "as you said" if guess.strip().casefold() == measured.strip().casefold() else "not what you said"
    rows = [(f"you predicted {label}", guess), ("what happened", f"{measured} ({said})")]
    return View(html=html_table(rows), text=text_table(rows))


def _bars(label: str, guess: float, measured: float, unit: str) -> View:
    longest = max(abs(guess), abs(measured)) or 1.0
    verdict = _verdict(guess, measured)
    lines = (("you", guess, _GUESS_COLOUR), ("measured", measured, _MEASURED_COLOUR))
    drawn = "".join(_bar(index, *line, longest, unit) for index, line in enumerate(lines))
    title = escape(
        f"{label}: you predicted {amount(guess, unit)}, measured {amount(measured, unit)}; {verdict}"
    )
    html = (
        f'<div style="margin:.4em 0"><b>{escape(label)}</b> · {escape(verdict)}<br>'
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="560" height="60" viewBox="0 0 560 60" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="currentColor">'
        f"<title>{title}</title>{drawn}</svg></div>"
    )
    rows = [
        (name, "█" * max(1, round(24 * abs(value) / longest)), amount(value, unit))
        for name, value, _ in lines
    ]
    return View(html=html, text=f"{label}: {verdict}\n{text_table(rows)}")


def _bar(index: int, name: str, value: float, colour: str, longest: float, unit: str) -> str:
    top, width = 6 + 26 * index, max(2.0, _BAR * abs(value) / longest)
    return (
        f'<text x="66" y="{top + 14}" text-anchor="end">{name}</text>'
        f'<rect x="74" y="{top}" width="{width:.1f}" height="19" rx="3" fill="{colour}"/>'
        f'<text x="{82 + width:.1f}" y="{top + 14}">{escape(amount(value, unit))}</text>'
    )


def _plain(measured: object) -> Value:
    if isinstance(measured, bool) or measured is None:
        return str(measured)
    if isinstance(measured, int | float | str):
        drawable = isinstance(measured, str) or abs(measured) < _TOO_LONG
        return measured if drawable else str(measured)
    try:
        return float(measured)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(measured)


def _say(text: str) -> None:
    show(View(html=f'<div style="margin:.4em 0">{escape(text)}</div>', text=text))
