"""Pictures with knobs: what each shows, live in a kernel and still everywhere else."""

import os
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import labkit
from labkit import capacity, keydesign
from labkit.cards import SERVICES, cards
from labkit.errors import DataError, PictureError
from labkit.quorum import picture

WIDGET = "application/vnd.jupyter.widget-view+json"


def executed(source: str, **environment: str) -> dict[str, Any]:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute(env=os.environ | environment)
    outputs = notebook.cells[0].outputs
    return dict(outputs[0].data)


def test_a_kernel_shows_the_widget_and_a_page_the_picture() -> None:
    shown = executed("import labkit\nlabkit.quorum()")
    assert WIDGET in shown
    assert "6 of 6 copies alive" in shown["text/html"]
    assert "writes are acknowledged" in shown["text/plain"]


def test_while_graded_the_picture_stands_alone() -> None:
    shown = executed("import labkit\nlabkit.trainer()", LAB_EXAMINER="http://127.0.0.1:9")
    assert WIDGET not in shown
    assert all(card.title in shown["text/plain"] for card in cards())


def test_turning_a_knob_draws_again() -> None:
    panel = labkit.quorum().panel()
    knobs, shown = panel.children
    zones = next(knob for knob in knobs.children if knob.description == "zones lost")
    zones.value = ("a",)
    assert "4 of 6 copies alive" in shown.value
    assert "writes are acknowledged" in shown.value


def test_a_picture_begins_as_asked() -> None:
    knobs = labkit.quorum(zones="a", copies=1)
    assert "3 of 6 copies alive" in repr(knobs)
    assert "3 of 6 copies alive" in knobs.panel().children[1].value


def test_a_quorum_that_overlaps_and_one_that_does_not() -> None:
    assert "no: writes wait: 3 < 4" in repr(picture(zones=("b",), copies=1, write=4, read=3))
    assert "yes: reads (and repair) go on" in repr(picture(zones=("b",), copies=1, write=4, read=3))
    weak = repr(picture(zones=(), copies=0, write=3, read=3))
    assert "a read may miss the newest write: 3 + 3 ≤ 6" in weak
    assert "two writes may both win" in weak
    assert "0 of 6" in repr(picture(zones=("a", "b", "c"), copies=6, write=4, read=3))


def test_every_card_says_what_is_wrong_with_every_other_choice() -> None:
    assert len(cards()) >= 12
    assert {card.answer for card in cards()} == set(SERVICES)
    for card in cards():
        assert set(card.why_not) == set(SERVICES) - {card.answer}


def test_the_trainer_answers_a_choice_and_turns_the_next_card() -> None:
    knobs, shown = labkit.trainer().panel().children
    card, choice = knobs.children
    choice.value = "Redshift"
    assert "Not Redshift" in shown.value
    choice.value = cards()[0].answer
    assert cards()[0].decides in shown.value
    card.value = cards()[1].title
    assert "Which service?" in shown.value


@pytest.mark.parametrize(
    ("size", "eventual", "strong", "write"),
    [(1, 0.5, 1, 1), (1024, 0.5, 1, 1), (1025, 0.5, 1, 2), (4096, 0.5, 1, 4), (4097, 1, 2, 5)],
)
def test_units(size: int, eventual: float, strong: float, write: int) -> None:
    assert capacity.read_units(size) == eventual
    assert capacity.read_units(size, consistent=True) == strong
    assert capacity.read_units(size, transaction=True) == 2 * strong
    assert capacity.write_units(size) == write
    assert capacity.write_units(size, transaction=True) == 2 * write


def test_the_calculator_names_the_cheaper_mode() -> None:
    steady, rare = labkit.calculator(busy=100).view, labkit.calculator(busy=1).view
    assert repr(steady).splitlines()[-1].endswith("provisioned")
    assert repr(rare).splitlines()[-1].endswith("on-demand")


def test_the_calculator_begins_as_asked() -> None:
    knobs, shown = labkit.calculator(size=90_000, reads=100, writes=50).panel().children
    assert "90,000 bytes" in shown.value
    assert [knob.value for knob in knobs.children] == [90_000, 100, 50, False, 100]


def test_keys_decide_where_items_lie() -> None:
    items = [{"user": "ana", "at": 3}, {"user": "ana", "at": 1}, {"user": "bo", "at": 2}]
    by_time = repr(labkit.key_playground(items, "user", "at"))
    assert "ana: 1 < 3" in by_time
    alone = repr(labkit.key_playground(items, "user"))
    assert "1 were overwritten" in alone
    assert "1 were refused" in repr(labkit.key_playground([*items, {"at": 9}], "user"))
    assert "cannot be partition key and sort key at once" in repr(
        labkit.key_playground(items, "user", "user")
    )
    assert keydesign.home("ana", 1) == 0
    with pytest.raises(PictureError, match="No item has the attribute 'colour'"):
        labkit.key_playground(items, "colour")


def test_prices_say_where_they_are_from() -> None:
    table = labkit.prices()
    assert labkit.price("secret") == table.loc["secret", "USD"]
    assert labkit.monthly("rds db.t3.micro") == pytest.approx(730 * labkit.price("rds db.t3.micro"))
    assert "us-east-1" in table.attrs["source"]
    with pytest.raises(DataError, match=r"Near: .*rds db\.t3\.micro"):
        labkit.price("rds db.t3.mikro")
    with pytest.raises(DataError, match="but by the GB-month"):
        labkit.monthly("rds gp3")
