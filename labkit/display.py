"""Shows a thing in a notebook as HTML, and anywhere else as text."""

from collections.abc import Sequence
from html import escape

TABLE = "border-collapse:collapse;margin:.4em 0;font-size:90%"
CELL = (
    "text-align:left;vertical-align:top;padding:.25em .9em .25em 0;"
    "border-bottom:1px solid rgba(128,128,128,.35)"
)


class View:
    """Something with an HTML form and a text form."""

    def __init__(self, *, html: str, text: str) -> None:
        self.html = html
        self.text = text

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def show(view: object) -> None:
    """Display the view in a notebook; print it elsewhere."""
    from IPython import get_ipython

    if get_ipython() is None:
        print(view)
        return
    from IPython.display import display

    display(view)


def html_table(rows: Sequence[Sequence[str]], *, header: Sequence[str] = ()) -> str:
    """An HTML table of the rows; every cell is escaped."""
    head = "".join(f'<th style="{CELL}">{escape(cell)}</th>' for cell in header)
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}">{escape(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    top = f"<thead><tr>{head}</tr></thead>" if head else ""
    return f'<table style="{TABLE}">{top}<tbody>{body}</tbody></table>'


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as aligned text columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
