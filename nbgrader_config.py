"""nbgrader's settings for this course; instructors and learners use the same file."""

import os
import sys
from pathlib import Path

# nbgrader calls alembic by its name, which an environment that is not activated does not have on its path
_programs = str(Path(sys.executable).parent)
if _programs not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = os.pathsep.join([_programs, os.environ.get("PATH", os.defpath)])

c = get_config()  # type: ignore[name-defined]  # noqa: F821

c.CourseDirectory.course_id = "aws-databases"
c.CourseDirectory.source_directory = "source"
c.CourseDirectory.release_directory = "notebooks"
# what notebooks write while they run: nobody's copy may reach another's folder
written = ["*.py", "measurements.json"]
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc*", "__pycache__", "feedback", *written]

c.GenerateAssignment.preprocessors = [
    "autograder.preprocessors.discussion.RemoveDiscussion",
    "nbgrader.preprocessors.IncludeHeaderFooter",
    "nbgrader.preprocessors.LockCells",
    "nbgrader.preprocessors.ClearSolutions",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# a submission is the release with the student's answers in it, and nothing else of what was handed in
c.Autograde.pre_convert_hook = "autograder.submissions.refuse_links"
c.Autograde.sanitize_preprocessors = [
    "nbgrader.preprocessors.ClearOutput",
    "autograder.preprocessors.rebuild.RebuildSubmission",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "autograder.preprocessors.execute.ExecuteIsolated",
    "nbgrader.preprocessors.LimitOutput",
    "autograder.preprocessors.sanitize.SanitizeOutputs",
    "autograder.preprocessors.scores.SaveScores",
    "autograder.preprocessors.scores.ShowFindings",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# Restores and restarts take seconds, AWS's own take minutes.
c.Execute.timeout = 300
# A warning of a library is no error: nbgrader gives nothing to a cell with anything on stderr.
# And `!command` runs without a terminal, because graded code may not open the grader's.
c.Execute.extra_arguments = [
    "--IPKernelApp.exec_lines=import sys; sys.stderr = sys.stdout; shell = get_ipython(); "
    "shell.system = shell.system_raw; del shell"
]
