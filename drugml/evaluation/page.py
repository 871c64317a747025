"""The frame of an HTML file that needs nothing beside it: no scripts, no links to other places."""

from collections.abc import Mapping
from html import escape

from drugml.evaluation.card_style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, body: str, style: str = "") -> str:
    """A whole file.

    Args:
        title: as text.
        body: HTML in which all that comes from a table is escaped.
        style: more of it, behind that of the data card.
    """
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head><body><main>{body}</main></body></html>\n"
    )


def sections(parts: Mapping[str, str]) -> str:
    """Headings (as text) and what stands below them; empty ones are left out."""
    return "".join(f"<section><h2>{escape(name)}</h2>{text}</section>" for name, text in parts.items() if text)


def header(about: Mapping[str, str]) -> str:
    """A table of what and value, both as text."""
    lines = "".join(f"<tr><th>{escape(k)}</th><td><code>{escape(v)}</code></td></tr>" for k, v in about.items())
    return f"<table>{lines}</table>"
