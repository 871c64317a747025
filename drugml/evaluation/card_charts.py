"""Charts of a data card as inline SVG, without scripts; colours come from the page.

Shape letters: M rows, T targets.
"""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from drugml.data.audit.pileup import Pile

WIDTH, HEIGHT = 380, 190
LEFT, RIGHT, TOP, BOTTOM = 42, 12, 26, 30
BINS = 40
CUT = 3
"""Times the next highest bar from which on the bar of a pile is cut."""
MATRIX_CELL = 14
NUMBERED = 16
"""Targets up to which the matrix of shared rows has numbers in it."""

Floats = NDArray[np.float64]


def histogram(low: Floats, high: Floats, piles: Sequence[Pile], *, logs: bool) -> str:
    """Distribution of labels (M,) given as intervals; limits in another colour, piles marked.

    A label `>x` or `<x` stands at x.
    """
    known = ~np.isnan(low)
    exact = known & (low == high)
    places = np.where(np.isfinite(low), low, high)  # of a limit its finite end
    shown = known & np.isfinite(places) & ((places > 0) | (not logs))
    x = np.log10(places[shown]) if logs else places[shown]
    if not len(x):
        return ""
    first, last = float(x.min()), float(x.max())
    edges = np.linspace(first, last if last > first else first + 1, BINS + 1)
    counts = np.histogram(x[exact[shown]], edges)[0]
    limits = np.histogram(x[~exact[shown]], edges)[0]
    marked = {_bin(edges, np.log10(p.value) if logs else p.value) for p in piles if p.side != "inside"}
    top = _top(counts + limits, marked)
    parts = [_bars(i, int(counts[i]), int(limits[i]), top, i in marked) for i in range(BINS)]
    parts += [_pile_text(edges, p, logs=logs) for p in piles if p.side != "inside"]
    parts += [
        _axis(edges, logs=logs),
        _text(LEFT - 4, TOP + 8, f"{top:,}", "end"),
        _text(LEFT - 4, HEIGHT - BOTTOM, "0", "end"),
    ]
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'


def _top(counts: NDArray[np.int64], marked: set[int]) -> int:
    """Height of the chart: a pile far above all the rest is cut off, its number stands beside it."""
    most, others = int(counts.max()), int(np.delete(counts, sorted(marked)).max())
    return max(1, most if most <= CUT * others else int(1.5 * others))


def balance(ones: int, labels: int, names: tuple[str, str]) -> str:
    """Bar of two classes; `names` are of 0 and 1."""
    share = ones / labels
    return (
        f'<div class="balance"><i style="width:{100 * share:.2f}%"></i></div>'
        f"<small>{escape(names[1])}: {ones:,} ({share:.1%}) · {escape(names[0])}: {labels - ones:,}</small>"
    )


def matrix(targets: Sequence[str], together: NDArray[np.int64]) -> str:
    """Rows with labels of both targets, (T, T), as a field of squares; darker is more."""
    most = max(int(together.max()), 1)
    cell = 44 if len(targets) <= NUMBERED else MATRIX_CELL
    side = max(110, min(220, 7 * max(map(len, targets))))
    wide = side + cell * len(targets)
    parts = []
    for i, name in enumerate(targets):
        label = escape(name if len(name) <= 30 else name[:29] + "…")
        y = 4 + cell * i
        parts.append(_text(side - 6, y + cell / 2 + 4, label, "end"))
        for j, other in enumerate(targets[: i + 1]):
            n = int(together[i, j])
            title = f"<title>{escape(name)} and {escape(other)}: {n:,} rows</title>"
            strength = 0.06 + 0.84 * n / most
            parts.append(
                f'<rect class="cell" x="{side + cell * j}" y="{y}" width="{cell - 2}" height="{cell - 2}" '
                f'fill-opacity="{strength:.2f}">{title}</rect>'
            )
            if len(targets) <= NUMBERED:
                parts.append(_text(side + cell * (j + 0.5) - 1, y + cell / 2 + 3, f"{n:,}", "middle", "number"))
    height = 8 + cell * len(targets)
    return f'<svg class="matrix" viewBox="0 0 {wide} {height}" width="{wide}" role="img">{"".join(parts)}</svg>'


def _bin(edges: Floats, x: float) -> int:
    return int(np.clip(np.searchsorted(edges, x, "right") - 1, 0, BINS - 1))


def _x(edges: Floats, value: float) -> float:
    return float(LEFT + (WIDTH - LEFT - RIGHT) * (value - edges[0]) / (edges[-1] - edges[0]))


def _bars(i: int, exact: int, limits: int, top: int, marked: bool) -> str:
    width = (WIDTH - LEFT - RIGHT) / BINS
    floor, scale = HEIGHT - BOTTOM, (HEIGHT - BOTTOM - TOP) / top
    parts, y = [], float(floor)
    for n, name in ((exact, "limit-suspect" if marked else "bar"), (limits, "censored")):
        if n:
            height = min(n * scale, y - TOP)
            y -= height
            parts.append(
                f'<rect class="{name}" x="{LEFT + i * width:.1f}" y="{y:.1f}" width="{width - 0.8:.1f}" '
                f'height="{height:.1f}"/>'
            )
    return "".join(parts)


def _pile_text(edges: Floats, pile: Pile, *, logs: bool) -> str:
    x = _x(edges, np.log10(pile.value) if logs else pile.value)
    anchor = "start" if x < WIDTH / 2 else "end"
    return _text(x, TOP - 8, f"{pile.side}: {pile.count:,} at {pile.value:.6g}", anchor, "mark")


def _axis(edges: Floats, *, logs: bool) -> str:
    y = HEIGHT - BOTTOM
    line = f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
    places = edges[[0, BINS // 2, -1]]
    values = 10**places if logs else places
    anchors = ("start", "middle", "end")
    return line + "".join(
        _text(_x(edges, p), y + 16, f"{v:.4g}", a) for p, v, a in zip(places, values, anchors, strict=True)
    )


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    """A text that is escaped already, or a number."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
