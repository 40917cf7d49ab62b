"""Pictures with knobs: ipywidgets where a front end is attached, the same picture as it stands elsewhere."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from labkit.display import View

Picture = Callable[..., View]


class Knobs:
    """Controls by name, and the picture that is drawn from their values at every turn.

    Wherever no widget can be (while a submission is graded, outside a notebook, on a page made from one)
    `still` is shown, else the picture's first state.
    """

    def __init__(
        self,
        picture: Picture,
        make: Callable[[], Mapping[str, Any]],
        *,
        still: View | None = None,
        **start: object,
    ) -> None:
        self._picture = picture
        self._make = make
        self._panel: Any = None
        self.view = still or picture(**start)

    def panel(self) -> Any:
        """The widget: the controls above the picture."""
        import ipywidgets

        if self._panel is None:
            controls = dict(self._make())
            shown = ipywidgets.HTML()

            def draw(*_: object) -> None:
                shown.value = self._picture(**{name: knob.value for name, knob in controls.items()}).html

            for knob in controls.values():
                knob.observe(draw, "value")
            draw()
            rows = ipywidgets.Layout(flex_flow="row wrap")
            self._panel = ipywidgets.VBox([ipywidgets.Box(list(controls.values()), layout=rows), shown])
        return self._panel

    def _repr_mimebundle_(self, **options: object) -> dict[str, object]:
        still: dict[str, object] = {"text/plain": self.view.text, "text/html": self.view.html}
        if os.environ.get("LAB_EXAMINER") or not _in_kernel():
            return still
        live: dict[str, object] = dict(self.panel()._repr_mimebundle_(**options))
        return live | still

    def __repr__(self) -> str:
        return self.view.text


def _in_kernel() -> bool:
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
