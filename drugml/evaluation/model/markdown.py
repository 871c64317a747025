"""Sections of a document as Markdown, in which nothing that comes from a table is markup.

It is read by GitHub's and CommonMark's rules, and by those of Showdown, with which MLflow shows descriptions: there
`:x:` is an emoji, `@x` a mention, and an address a link.
"""

import re
from collections.abc import Sequence
from html import escape as in_html
from typing import NamedTuple

from drugml.evaluation.report.charts import table as html_table

MARKUP = re.compile(
    r"[\\`*{}\[\]|~#]|(?<![^\W_])_|_(?![^\W_])|(?<!\S)@(?=\w)|(?<=www)\."
    r"|^[+-](?=\s|$)|^[=-](?=[=\s-]*$)",  # at the beginning of a line: lists and rules
    re.IGNORECASE,
)
NUMBER = re.compile(r"^(\d+)(?=[.)](\s|$))")
"""Begins a list."""
COLON = re.compile(r":(?=[\w/+-])")
"""Of emojis and addresses; Showdown shows a backslash before it."""


class Code(str):
    """A text that is shown letter by letter, such as a command or a hash."""

    __slots__ = ()


class Table(NamedTuple):
    """Rows of text; words stand to the left, numbers to the right."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[int] = (0,)
    """Columns of words."""


class Section(NamedTuple):
    """What stands below a heading: facts, tables, remarks; all of it text."""

    title: str
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()


def markdown(title: str, sections: Sequence[Section], level: int = 1) -> str:
    """A document whose title has `level` number signs; sections without content are left out."""
    blocks = [f"{'#' * level} {escape(title)}"]
    for s in sections:
        if not (s.facts or s.tables or s.notes):
            continue
        if s.title:
            blocks.append(f"{'#' * (level + 1)} {escape(s.title)}")
        if s.facts:
            blocks.append("\n".join(f"- **{escape(k)}:** {_value(v)}" for k, v in s.facts))
        blocks += [_table(t) for t in s.tables]
        if s.notes:
            blocks.append("\n".join(f"- {escape(n)}" for n in s.notes))
    return "\n\n".join(blocks) + "\n"


def html(sections: Sequence[Section]) -> str:
    """The same sections as HTML."""
    out = []
    for s in sections:
        facts = "".join(f"<li><b>{in_html(k)}:</b> {_html_value(v)}</li>" for k, v in s.facts)
        notes = "".join(f"<li>{in_html(n)}</li>" for n in s.notes)
        tables = "".join(html_table(*t) for t in s.tables)
        if inside := (f"<ul>{facts}</ul>" if facts else "") + tables + (f"<ul>{notes}</ul>" if notes else ""):
            out.append(f"<section><h2>{in_html(s.title)}</h2>{inside}</section>")
    return "".join(out)


def escape(text: str) -> str:
    """Text of one line that shows as it is written."""
    plain = in_html(_line(text), quote=False)
    return COLON.sub("&#58;", NUMBER.sub(r"\1\\", MARKUP.sub(r"\\\g<0>", plain)))


def code(text: str) -> str:
    """Text of one line in a fixed font; the fence is longer than any in the text."""
    line = _line(text)
    if not line:
        return ""
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    room = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{room}{line}{room}{fence}"


def cut(text: str, most: int) -> str:
    """At most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _value(value: str) -> str:
    return code(value) if isinstance(value, Code) else escape(value)


def _html_value(value: str) -> str:
    return f"<code>{in_html(value)}</code>" if isinstance(value, Code) else in_html(value)


def _table(table: Table) -> str:
    rule = ["---" if i in table.words else "---:" for i in range(len(table.header))]
    rows = [[escape(c) for c in row] for row in (table.header, *table.rows)]
    return "\n".join(f"| {' | '.join(r)} |" for r in [rows[0], rule, *rows[1:]])


def _line(text: str) -> str:
    """Without line breaks and characters that only steer a terminal or the direction of writing."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+", " ", text).strip()
