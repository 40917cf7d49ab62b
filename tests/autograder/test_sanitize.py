"""What of a kernel's outputs reaches the people who open an autograded notebook."""

from typing import Any

from nbformat.v4 import new_code_cell, new_output

from autograder.preprocessors.sanitize import SanitizeOutputs


def cleaned(data: dict[str, str]) -> dict[str, Any]:
    cell = new_code_cell(outputs=[new_output("display_data", data=data)])
    cell, _ = SanitizeOutputs().preprocess_cell(cell, {}, 0)
    return dict(cell.outputs[0].data) if cell.outputs else {}


def test_a_drawing_is_shown_by_its_words() -> None:
    drawn = {"text/html": "<svg><text>VPC</text></svg>", "text/plain": "VPC shop"}
    assert cleaned(drawn) == {"text/plain": "VPC shop"}


def test_a_table_stays_and_a_script_does_not() -> None:
    shown = cleaned({"text/html": "<table><tr><td>1</td></tr></table><script>steal()</script>"})
    assert "<td>1</td>" in shown["text/html"]
    assert "<script>" not in shown["text/html"]


def test_a_drawing_without_words_does_not_run() -> None:
    shown = cleaned({"text/html": "<svg onload=steal()></svg>"})
    assert "<svg" not in shown.get("text/html", "")
