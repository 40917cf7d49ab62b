"""Takes the discussions of solutions out of the learners' notebooks."""

from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

TAG = "discussion"


class RemoveDiscussion(NbGraderPreprocessor):
    """Removes the cells with the tag `discussion`."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Keep every other cell."""
        nb.cells = [cell for cell in nb.cells if TAG not in cell.metadata.get("tags", [])]
        return nb, resources
