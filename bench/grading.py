"""What one `nbgrader autograde` of the RDS notebook takes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.figure import Figure

ROOT = Path(__file__).resolve().parents[1]


def autograde() -> Iterator[Figure]:
    """Grade the instructor's own solution as a submission; most of the time is the notebook itself."""
    with tempfile.TemporaryDirectory(prefix="bench-grading-") as folder:
        course = Path(folder)
        shutil.copytree(ROOT / "source", course / "source")
        shutil.copy(ROOT / "nbgrader_config.py", course)
        _nbgrader(course, "generate_assignment", "week6", "--force")
        handed_in = course / "submitted" / "alice" / "week6"
        handed_in.mkdir(parents=True)
        shutil.copy(ROOT / "source" / "week6" / "02-rds.ipynb", handed_in)
        start = time.perf_counter()
        _nbgrader(course, "autograde", "week6", "--force")
        taken = time.perf_counter() - start
        executed, memory = _execute(course / "source" / "week6" / "02-rds.ipynb")
    yield Figure(
        name="autograde one submission of 02-rds",
        ours=f"{taken:.0f} s",
        peer=f"the same notebook executed by its reader {executed:.0f} s ({taken / executed:.2f}×)",
        goal="–",
        reached=None,
    )
    yield Figure(
        name="memory of the server after 02-rds", ours=f"{memory:.0f} MB", peer="–", goal="–", reached=None
    )


def _nbgrader(course: Path, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments], cwd=course, check=True, capture_output=True
    )


def _execute(notebook: Path) -> tuple[float, float]:
    """Execute a notebook on a new account; seconds, and the resident memory (MB) of its server afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-state-") as state:
        environment = os.environ | {"LOCALAWS_STATE": state, "LOCALAWS_DURABILITY": "off"}
        command = [sys.executable, "-m", "jupyter", "execute", "--allow-errors", str(notebook)]
        start = time.perf_counter()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        taken = time.perf_counter() - start
        server = json.loads((Path(state) / "server.json").read_text())["pid"]
        memory = psutil.Process(server).memory_info().rss / 1e6
        for verb in ("stop", "reset"):
            command = [sys.executable, "-m", "localaws", verb]
            subprocess.run(command, env=environment, check=True, capture_output=True)
    return taken, memory
