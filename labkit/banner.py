"""The banner under `%load_ext labkit`: which AWS this is, what is real in it, how to start over."""

from html import escape

from labkit.display import View, html_table, text_table
from labkit.target import Backend

_COLOURS = {"local": "#2e9e5b", "localstack": "#7a5cd6", "aws": "#d9730d"}


def banner(target: Backend) -> View:
    """The status of the back end as HTML and text."""
    rows = [
        ("back end", target.title),
        ("account", target.account_id),
        ("Region", target.region),
        ("endpoint", target.endpoint_url or "AWS's own"),
        ("what is real", target.reality),
        ("starting over", target.starting_over),
    ]
    rows += [(guard.title, "ready" if guard.met else f"missing: {guard.remedy}") for guard in target.guards]
    frame = f"border-left:4px solid {_COLOURS[target.name]};padding:.2em 0 .2em 1em;margin:.4em 0"
    head = f"<b>ShopStream lab · {escape(target.name)}</b>"
    html = f'<div class="labkit-banner" style="{frame}">{head}{html_table(rows)}</div>'
    return View(html=html, text=f"ShopStream lab · {target.name}\n{text_table(rows)}")
