"""Keeps active content out of the notebooks that graders and students open."""

from typing import Any

from nbconvert.preprocessors.sanitize import ALLOWED_TAGS, SanitizeHTML
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import List, Unicode

TABLE = ["table", "thead", "tbody", "tr", "th", "td", "div", "span", "p", "pre", "details", "summary"]

DRAWN = ("<svg", "<style", "<canvas")


class SanitizeOutputs(NbGraderPreprocessor, SanitizeHTML):
    """Cleans or drops the kernel's outputs: scripts, event handlers, SVG and frames do not survive."""

    tags = List(Unicode(), default_value=sorted({*ALLOWED_TAGS, *TABLE}))

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], _: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Only outputs are touched; text cells are the release's own or quoted by the grader."""
        if cell.cell_type == "code":
            for output in cell.outputs:
                _prefer_text(output.get("data", {}))
            cell.outputs = self.sanitize_code_outputs(cell.outputs)
        return cell, resources


def _prefer_text(data: dict[str, Any]) -> None:
    """Leave a drawing's words: its markup would come out of the cleaning as text nobody can read."""
    if "text/plain" in data and any(tag in data.get("text/html", "") for tag in DRAWN):
        del data["text/html"]
