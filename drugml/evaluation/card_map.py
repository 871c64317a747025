"""Chemical space of a table in two dimensions: principal components of Morgan fingerprints."""

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from drugml.data.prints import RADIUS, fingerprints
from drugml.data.splits import FOLDS

SAMPLE = 5000
BITS = 1024
FEWEST = 5
GREY = "#808080"
"""Readable on white and on black."""
FOLD_COLORS = ("#9aa7b5", "#e0a030", "#d04848")


class Layer(NamedTuple):
    """One panel of the map."""

    title: str
    values: NDArray[np.float64]
    """(M,), NaN where nothing is known; for folds the number of the fold."""
    kind: str
    """numbers, logs, classes or folds."""


def chemical_map(smiles: Sequence[str], layers: Sequence[Layer], *, seed: int) -> tuple[str, str]:
    """An `<img>` with one panel per layer, and a sentence on how it was made; empty for fewer than five molecules."""
    rows = np.arange(len(smiles))
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
    if len(rows) < FEWEST or not layers:
        return "", ""
    bits = _bits([smiles[i] for i in rows.tolist()])
    if (bits == bits[0]).all():
        return "", ""
    model = PCA(2, copy=False, svd_solver="randomized", random_state=seed)
    at = model.fit_transform(bits)
    columns = min(2, len(layers))
    lines = -(-len(layers) // columns)
    figure = Figure(figsize=(5 * columns, 4.2 * lines), layout="constrained")
    figure.patch.set_alpha(0)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel, layer in zip(panels, layers, strict=False):
        _draw(figure, panel, at, layer.values[rows], layer)
    for panel in panels[len(layers) :]:
        panel.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, transparent=True)
    explained = float(model.explained_variance_ratio_.sum())
    sample = (
        f"a random sample of {SAMPLE:,} of {len(smiles):,} rows"
        if len(smiles) > SAMPLE
        else f"all {len(smiles):,} rows"
    )
    made = (
        f"Principal components of Morgan fingerprints (radius {RADIUS}, {BITS:,} bits) of {sample}; the two axes hold "
        f"{explained:.0%} of the variance, so that points far apart are unlike, but near points need not be alike."
    )
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="chemical space" src="data:image/png;base64,{data}">', made


def _bits(smiles: Sequence[str]) -> NDArray[np.float32]:
    """Fingerprints folded to half their length, (M, BITS)."""
    packed = fingerprints(smiles).packed
    half = packed.shape[1] // 2
    return np.unpackbits(packed[:, :half] | packed[:, half:], axis=1, bitorder="little").astype(np.float32)


def _draw(figure: Figure, panel: Axes, at: NDArray[np.float32], values: NDArray[np.float64], layer: Layer) -> None:
    panel.patch.set_alpha(0)
    known = ~np.isnan(values)
    panel.scatter(at[~known, 0], at[~known, 1], s=3, color=GREY, alpha=0.25, linewidths=0)
    if layer.kind in ("classes", "folds"):
        names = ("0", "1") if layer.kind == "classes" else FOLDS
        colors = ("#5b8fd0", "#d04848") if layer.kind == "classes" else FOLD_COLORS
        for i, (name, color) in enumerate(zip(names, colors, strict=True)):
            some = values == i
            panel.scatter(
                at[some, 0], at[some, 1], s=6, color=color, alpha=0.7, linewidths=0, label=f"{name} ({some.sum():,})"
            )
        panel.legend(fontsize=8, labelcolor=GREY, framealpha=0, markerscale=2)
    else:
        shown = np.log10(values[known]) if layer.kind == "logs" else values[known]
        low, high = np.percentile(shown, [2, 98]) if len(shown) else (0, 1)
        points = panel.scatter(
            at[known, 0], at[known, 1], s=5, c=shown, cmap="viridis", vmin=low, vmax=high, alpha=0.8, linewidths=0
        )
        bar = figure.colorbar(points, ax=panel, shrink=0.8)
        bar.ax.tick_params(colors=GREY, labelsize=8)
        bar.outline.set_visible(False)
    # "$" would start mathematics, which fails on half a formula
    panel.set_title(_short(layer.title), color=GREY, fontsize=10, parse_math=False)
    panel.set(xticks=[], yticks=[])
    for side in panel.spines.values():
        side.set_color(GREY)


def _short(title: str) -> str:
    return title if len(title) <= 50 else title[:49] + "…"
