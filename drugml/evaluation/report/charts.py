"""Charts as inline SVG, without scripts; colours come from the page.

Shape letter: N points.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WIDTH, HEIGHT = 720, 560
LEFT, RIGHT, TOP, BOTTOM = 100, 20, 16, 84
"""Room for axes; all sizes are twice those on the page, so that points stand at whole numbers."""
DIGITS = 4

STYLE = """
svg.plot { width: 100%; height: auto; } svg.plot text { font-size: 22px; } .plot .frame { fill: none;
  stroke: var(--line); stroke-width: 2; } .plot .grid { stroke: var(--line); stroke-width: 1; }
.plot .guide { stroke: var(--soft); stroke-width: 2; stroke-dasharray: 8 6; fill: none; }
.plot .points { stroke: var(--bar); stroke-width: 8; stroke-linecap: round; stroke-opacity: .55; fill: none; }
.plot .line { stroke: var(--bar); stroke-width: 4; fill: none; stroke-linejoin: round; }
.plot .second { stroke: var(--suspect); } .plot .many { stroke-opacity: .45; stroke-width: 3; }
.plot .dot { fill: var(--bar); } .plot .whisker { stroke: var(--bar); stroke-width: 3; }
td.why { white-space: normal; color: var(--soft); font-size: 13px; }
"""


class Axis(NamedTuple):
    """What is on an axis and how far it goes."""

    label: str
    """As text."""
    low: float
    high: float
    whole: bool = False
    """Whether only whole numbers are marked on it."""


def axis(label: str, *values: Floats, margin: float = 0.04) -> Axis:
    """An axis on which all finite values have room."""
    known = np.concatenate([v[np.isfinite(v)] for v in values]) if values else np.zeros(0)
    if not len(known):
        return Axis(label, 0.0, 1.0)
    low, high = float(known.min()), float(known.max())
    room = (high - low) * margin or max(abs(low), 1.0) * 0.1
    return Axis(label, low - room, high + room)


def plot(x: Axis, y: Axis, parts: Sequence[str]) -> str:
    """A chart: grid, ticks and labels around what the other functions made."""
    frame = (
        f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}"/>'
    )
    floor, middle = HEIGHT - BOTTOM, (TOP + HEIGHT - BOTTOM) // 2
    lines = []
    for v in _ticks(x):
        at = _x(x, np.array([v]))[0]
        lines.append(f'<path class="grid" d="M{at} {TOP}V{floor}"/>{_text(at, floor + 26, f"{v:.{DIGITS}g}")}')
    for v in _ticks(y):
        at = _y(y, np.array([v]))[0]
        lines.append(
            f'<path class="grid" d="M{LEFT} {at}H{WIDTH - RIGHT}"/>{_text(LEFT - 8, at + 8, f"{v:.{DIGITS}g}", "end")}'
        )
    labels = (
        _text((LEFT + WIDTH - RIGHT) // 2, HEIGHT - 16, escape(_cut(x.label)))
        + f'<text x="24" y="{middle}" text-anchor="middle" transform="rotate(-90 24 {middle})">'
        + f"{escape(_cut(y.label))}</text>"
    )
    inside = "".join([*lines, frame, *parts, labels])
    return f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{inside}</svg>'


def points(x: Axis, y: Axis, at: Floats, up: Floats) -> str:
    """A point each (N,); those that fall on the same place are drawn once, so that the size is bounded."""
    shown = np.isfinite(at) & np.isfinite(up)
    places = np.unique(np.stack([_x(x, at[shown]), _y(y, up[shown])], axis=1), axis=0)
    return f'<path class="points" d="{"".join(f"M{a} {b}h0" for a, b in places.tolist())}"/>' if len(places) else ""


def line(x: Axis, y: Axis, at: Floats, up: Floats, kind: str = "line") -> str:
    """A line through points (N,), broken where one is not finite."""
    shown = np.isfinite(at) & np.isfinite(up)
    pieces: list[str] = []
    before: tuple[int, int] | None = None
    for ok, a, b in zip(shown.tolist(), _x(x, at).tolist(), _y(y, up).tolist(), strict=True):
        if ok and (a, b) != before:
            pieces.append(f"{'M' if before is None else 'L'}{a} {b}")
        before = (a, b) if ok else None
    if len(pieces) == 1:  # a line of one point would not be seen
        pieces.append("h1")
    return f'<path class="{kind}" d="{"".join(pieces)}"/>' if pieces else ""


def whiskers(x: Axis, y: Axis, at: Floats, up: Floats, low: Floats, high: Floats) -> str:
    """Dots (N,) with intervals, where these are known."""
    parts = []
    across, middle = _x(x, at).tolist(), _y(y, up).tolist()
    for a, b, lower, upper in zip(across, middle, low.tolist(), high.tolist(), strict=True):
        if np.isfinite([lower, upper]).all():
            ends = _y(y, np.array([lower, upper])).tolist()
            parts.append(f'<path class="whisker" d="M{a} {ends[0]}V{ends[1]}"/>')
        parts.append(f'<circle class="dot" cx="{a}" cy="{b}" r="7"/>')
    return "".join(parts)


def word(x: Axis, y: Axis, at: float, up: float, text: str, anchor: str = "middle") -> str:
    """A word inside a chart, given as text."""
    return _text(int(_x(x, np.array([at]))[0]), int(_y(y, np.array([up]))[0]), escape(text), anchor)


def panel(title: str, note: str, chart: str) -> str:
    """A chart with its title and a note, both given as text."""
    return f'<div class="panel"><h3>{escape(title)}</h3><small>{escape(note)}</small>{chart}</div>'


def panels(each: Sequence[str]) -> str:
    """Panels side by side."""
    return f'<div class="panels">{"".join(each)}</div>' if each else ""


def table(header: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = (0,)) -> str:
    """A table of text; columns of numbers stand to the right, those of `words` to the left."""

    def row(cells: Sequence[str], tag: str) -> str:
        kinds = ["" if i in words else ' class="n"' for i in range(len(cells))]
        return "".join(f"<{tag}{k}>{escape(c)}</{tag}>" for k, c in zip(kinds, cells, strict=True))

    body = "".join(f"<tr>{row(r, 'td')}</tr>" for r in rows)
    return f'<div style="overflow-x:auto"><table><tr>{row(header, "th")}</tr>{body}</table></div>'


def _ticks(on: Axis) -> list[float]:
    return [float(v) for v in MaxNLocator(6, integer=on.whole).tick_values(on.low, on.high) if on.low <= v <= on.high]


def _x(x: Axis, values: Floats) -> NDArray[np.int64]:
    return _scaled(values, x, LEFT, WIDTH - RIGHT)


def _y(y: Axis, values: Floats) -> NDArray[np.int64]:
    return _scaled(values, y, HEIGHT - BOTTOM, TOP)


def _scaled(values: Floats, on: Axis, first: int, last: int) -> NDArray[np.int64]:
    share = (np.where(np.isfinite(values), values, on.low) - on.low) / (on.high - on.low)
    return np.rint(first + (last - first) * share).astype(np.int64)


def _text(x: int, y: int, text: str, anchor: str = "middle") -> str:
    """A text that is escaped already."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'


def _cut(text: str) -> str:
    return text if len(text) <= 44 else text[:43] + "…"
