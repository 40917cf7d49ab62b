"""Rebuilds a submission from the release: the course's cells, with the student's solutions in them."""

from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_solution

from autograder.errors import AutograderError
from autograder.preprocessors.course import place_of


class RebuildSubmission(NbGraderPreprocessor):
    """Replaces the submitted notebook by the released one plus what the student may contribute.

    That is the source of each solution cell, and code cells that the student added, where they were
    added. Metadata, tags, outputs and changes to any other cell are left behind.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """The rebuilt notebook."""
        released = place_of(self, resources).released
        if not released.is_file():
            raise AutograderError(f"{released} is missing: make it with `autograder release`.")
        return rebuild(nb, nbformat.read(released, as_version=4)), resources


def rebuild(submitted: NotebookNode, release: NotebookNode) -> NotebookNode:
    """The release with the student's sources in its solution cells, and added code cells in their places."""
    by_grade_id = {_grade_id(cell): i for i, cell in enumerate(release.cells) if _grade_id(cell)}
    by_id = {cell.get("id"): i for i, cell in enumerate(release.cells) if cell.get("id")}
    by_source: dict[tuple[str, str], int] = {}
    for i, cell in enumerate(release.cells):
        by_source.setdefault((cell.cell_type, cell.source), i)
    taken: set[int] = set()
    added: dict[int, list[NotebookNode]] = {}
    last = -1
    for cell in submitted.cells:
        keys = (
            by_grade_id.get(_grade_id(cell)),
            by_id.get(cell.get("id")),
            by_source.get((cell.cell_type, cell.source)),
        )
        match = next((i for i in keys if i is not None), None)
        if match is not None and match not in taken:
            taken.add(match)
            last = match
            if is_solution(release.cells[match]):
                release.cells[match].source = cell.source
        elif cell.cell_type == "code" and (match is None or is_solution(release.cells[match])):
            # an added cell, or a copy of a solution cell (pasting copies its metadata too)
            added.setdefault(last, []).append(_plain(cell.source))
    cells = list(added.get(-1, []))
    for i, cell in enumerate(release.cells):
        cells += [cell, *added.get(i, [])]
    release.cells = cells
    return release


def _grade_id(cell: NotebookNode) -> str:
    described = cell.metadata.get("nbgrader")
    return str(described.get("grade_id", "")) if isinstance(described, dict) else ""


def _plain(source: str) -> NotebookNode:
    return nbformat.v4.new_code_cell(source)
