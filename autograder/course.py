"""The course's nbgrader settings, as nbgrader itself reads them."""

from pathlib import Path

from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from autograder.errors import AutograderError


def course_config(root: Path) -> Config:
    """What `nbgrader_config.py` in the course's folder says."""
    if not (root / "nbgrader_config.py").is_file():
        raise AutograderError(
            f"{root} has no nbgrader_config.py: run this in the course's folder, or give --root."
        )
    config: Config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    return config
