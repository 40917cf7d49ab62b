"""`%load_ext labkit` and the widget that does the same."""

from typing import Any

from labkit.backends import NAMES, choose_backend
from labkit.banner import banner
from labkit.display import show
from labkit.errors import LabkitError


def load_ipython_extension(_shell: object) -> None:
    """Choose the back end, start it when needed, and show what it is."""
    show(banner(choose_backend()))


def choose() -> Any:
    """A widget to switch the back end with: the same as setting LAB_BACKEND and loading the extension."""
    import ipywidgets

    names = ipywidgets.ToggleButtons(options=list(NAMES), description="Back end")
    button = ipywidgets.Button(description="Use it", button_style="primary")
    status = ipywidgets.HTML()

    def use(_button: object) -> None:
        status.value = "…"
        try:
            status.value = banner(choose_backend(names.value)).html
        except LabkitError as error:
            status.value = error.html()

    button.on_click(use)
    return ipywidgets.VBox([ipywidgets.HBox([names, button]), status])
