"""The card trainer: a workload, six services, what speaks against each wrong choice. Nothing is graded."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any

from labkit.display import View, html_table, text_table
from labkit.knobs import Knobs

SERVICES = ("RDS", "Aurora", "DynamoDB", "ElastiCache", "Redshift", "Athena")


@dataclass(frozen=True)
class Card:
    """A workload, the service that fits, the requirement that decides, and what the others lack."""

    title: str
    scene: str
    answer: str
    decides: str
    why_not: Mapping[str, str]


@functools.cache
def cards() -> tuple[Card, ...]:
    """All cards, in the order of their file."""
    text = resources.files("labkit").joinpath("cards.toml").read_text(encoding="utf-8")
    return tuple(Card(**entry) for entry in tomllib.loads(text)["card"])


def trainer() -> Knobs:
    """Pick a card and a service; where no front end is attached, all cards with their answers."""
    return Knobs(_card, _controls, still=_table(), card=cards()[0].title, choice=None)


def _card(*, card: str, choice: str | None) -> View:
    dealt = next(each for each in cards() if each.title == card)
    if choice is None:
        said, colour = "Which service? Say the deciding requirement aloud first.", "inherit"
    elif choice == dealt.answer:
        said, colour = f"{choice}: {dealt.decides}.", "#2e9e5b"
    else:
        said, colour = f"Not {choice}: {dealt.why_not[choice]}", "#cf3c3c"
    html = (
        '<div style="max-width:46em;line-height:1.5">'
        f"<p><b>{escape(dealt.title)}.</b> {escape(dealt.scene)}</p>"
        f'<p style="color:{colour}">{escape(said)}</p></div>'
    )
    return View(html=html, text=f"{dealt.title}. {dealt.scene}\n{said}")


def _table() -> View:
    rows = [(card.title, card.scene, card.answer, card.decides) for card in cards()]
    header = ("card", "workload", "service", "what decides")
    short = [(card.title, card.answer, card.decides) for card in cards()]
    return View(html=html_table(rows, header=header), text=text_table(short))


def _controls() -> Mapping[str, Any]:
    import ipywidgets

    count = len(cards())
    titles = [(f"{number} of {count}: {card.title}", card.title) for number, card in enumerate(cards(), 1)]
    card = ipywidgets.Dropdown(options=titles, description="card", layout={"width": "400px"})
    choice = ipywidgets.ToggleButtons(options=SERVICES, value=None, style={"button_width": "112px"})

    def turn_over(_: object) -> None:
        choice.value = None

    card.observe(turn_over, "value")
    return {"card": card, "choice": choice}
