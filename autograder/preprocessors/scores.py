"""Takes the score of every graded cell from the examiner's record, and shows the findings in its place."""

from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades

from autograder.outcome import Finding, Verdict, canonical
from autograder.preprocessors.course import place_of
from autograder.record import Record
from autograder.report import html_table, text_table

NOT_REACHED = "the examiner was not asked: the cell did not run, or stopped before its check (see below)"
RUN = "autograder_run"
"""Where the resources hold the run whose verdicts count; absent when nothing was executed."""


def recorded(preprocessor: Any, resources: dict[str, Any]) -> dict[str, Verdict]:
    """The verdicts of this run by grade id."""
    return Record(place_of(preprocessor, resources).record).verdicts(resources[RUN])


def is_examined(cell: NotebookNode) -> bool:
    """Whether the examiner judges this cell (answers read by people are solution and grade in one)."""
    return cell.cell_type == "code" and utils.is_grade(cell) and not utils.is_solution(cell)


class SaveScores(SaveAutoGrades):
    """SaveAutoGrades that looks at the record where nbgrader looks at the cell's outputs."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Save all scores."""
        self.verdicts = recorded(self, resources) if RUN in resources else None
        return super().preprocess(nb, resources)

    def _add_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        if not is_examined(cell):
            super()._add_score(cell, resources)
            return
        grade = self.gradebook.find_grade(
            cell.metadata.nbgrader["grade_id"], self.notebook_id, self.assignment_id, self.student_id
        )
        grade.auto_score = None if self.verdicts is None else self._score(cell, float(grade.max_score))
        grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
        self.gradebook.db.commit()

    def _score(self, cell: NotebookNode, worth: float) -> float:
        assert self.verdicts is not None
        verdict = self.verdicts.get(canonical(cell.metadata.nbgrader["grade_id"]))
        if verdict is None or not verdict.points:
            return 0.0
        return float(worth * verdict.earned / verdict.points)


class ShowFindings(NbGraderPreprocessor):
    """Puts the examiner's table in front of what a graded cell printed."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Every examined cell gets its table."""
        if RUN not in resources:
            return nb, resources
        verdicts = recorded(self, resources)
        for cell in filter(is_examined, nb.cells):
            grade_id = cell.metadata.nbgrader["grade_id"]
            verdict = verdicts.get(canonical(grade_id)) or _missing(
                grade_id, float(cell.metadata.nbgrader["points"])
            )
            # what the cell displayed may be forged; its errors and text help to see why it stopped
            kept = [output for output in cell.outputs if output.output_type in ("error", "stream")]
            cell.outputs = [_table(verdict), *kept]
        return nb, resources


def _table(verdict: Verdict) -> NotebookNode:
    data = {"text/html": html_table(verdict), "text/plain": text_table(verdict)}
    return new_output("display_data", data=data)


def _missing(grade_id: str, points: float) -> Verdict:
    return Verdict(grade_id, grade_id, (Finding("Asked the examiner", points, 0, NOT_REACHED),))
