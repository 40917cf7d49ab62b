"""Where notebooks are executed: an empty folder and an embedded AWS of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.notebooks.fix_notebooks")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to run in, and an embedded AWS of its own that is stopped and emptied afterwards."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "LAB_", "LOCALAWS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LOCALAWS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder = tmp_path / "week6"
    folder.mkdir()
    yield folder
    for verb in ("stop", "reset"):
        subprocess.run([sys.executable, "-m", "localaws", verb], check=False, capture_output=True)
