"""Where a preprocessor's course is: the folders and the notebook at hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.coursedir import CourseDirectory


@dataclass(frozen=True)
class Place:
    """A notebook of a student in a course."""

    coursedir: CourseDirectory
    assignment: str
    notebook: str
    student: str

    def folder(self, step: str, student: str = ".") -> Path:
        """The assignment's folder in one of nbgrader's steps."""
        path = self.coursedir.format_path(step, student, self.assignment)
        return Path(self.coursedir.root) / path

    @property
    def released(self) -> Path:
        """The learners' version of the notebook."""
        return self.folder(self.coursedir.release_directory) / f"{self.notebook}.ipynb"

    @property
    def submitted(self) -> Path:
        """The folder that the student handed in."""
        return self.folder(self.coursedir.submitted_directory, self.student)

    @property
    def record(self) -> Path:
        """The examiner's record of the course."""
        return Path(self.coursedir.root) / ".examiner" / "record.jsonl"


def place_of(preprocessor: Any, resources: dict[str, Any]) -> Place:
    """The place that an nbgrader converter's preprocessor works at."""
    described = resources["nbgrader"]
    # nbgrader: preprocessor → exporter → converter, which knows the course
    coursedir = preprocessor.parent.parent.coursedir
    return Place(coursedir, described["assignment"], described["notebook"], described["student"])
