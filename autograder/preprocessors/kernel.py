"""A kernel manager whose kernels run confined: limits, and another account when the grader is root."""

import os
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from traitlets import Integer, List, Unicode


class ConfinedKernelManager(AsyncKernelManager):
    """Starts the kernel's command behind `prefix`, and gives `account` its connection file."""

    prefix = List(Unicode())
    account = Integer(None, allow_none=True)

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """The kernel's command line behind the prefix."""
        return [*self.prefix, *super().format_kernel_cmd(extra_arguments)]

    def write_connection_file(self, **settings: Any) -> None:
        """Write the file, and let the kernel's account read it."""
        super().write_connection_file(**settings)
        if self.account is not None:
            os.chown(Path(self.connection_file), self.account, self.account)
