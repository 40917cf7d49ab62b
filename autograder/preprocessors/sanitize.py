"""Keeps active content out of the notebooks that graders and students open."""

from typing import Any

from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

TABLE = ["table", "thead", "tbody", "tr", "th", "td", "div", "span", "p", "pre", "details", "summary"]


class SanitizeOutputs(NbGraderPreprocessor, SanitizeHTML):
    """Cleans or drops the outputs that a kernel sent: scripts, event handlers, SVG and frames do not survive."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.tags = sorted({*self.tags, *TABLE})

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], cell_index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Only outputs are touched; text cells are the release's own or quoted by the grader."""
        if cell.cell_type == "code":
            cell.outputs = self.sanitize_code_outputs(cell.outputs)
        return cell, resources
