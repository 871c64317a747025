"""A comparison as one HTML file that needs nothing beside it."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from drugml.evaluation.card_style import STYLE
from drugml.evaluation.comparison.comparison import Comparison, shown
from drugml.evaluation.comparison.plots import intervals, matrix

HEADER = ("model", "mean", "SD", "minus the best", "95 % interval", "p", "beside the best")
METHOD = """
<p>Verdicts rest on the {how}. Intervals hold for all pairs together.{margin}</p>
<p class="soft">SD is over folds. Beside that test stand repeated-measures Tukey HSD, which takes folds for independent
and finds more (true of these folds, not of other data of the kind), Conover's test of ranks after Friedman's
(p = {friedman}; Wilcoxon's for two models), Cohen's d of the paired differences, and how many folds were won.</p>"""


def write_report(
    path: Path,
    comparisons: Sequence[Comparison],
    test_share: float,
    about: Mapping[str, str],
    runs: Sequence[Mapping[str, str]],
) -> None:
    """Write the report.

    Args:
        path: the file.
        comparisons: one per metric, the most important first.
        test_share: molecules for test over those for training.
        about: what was compared on, for the head.
        runs: one per model, with the same keys.
    """
    first = comparisons[0]
    body = [f"<h1>{escape(first.headline())}</h1>", _definitions(about)]
    for found in comparisons:
        body += [f"<h2>{escape(found.metric)}</h2>", *_section(found, test_share)]
    body += ["<h2>Runs</h2>", _table([*runs[0]], [[*r.values()] for r in runs], numbers=False)]
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(first.headline())}</title>'
        f"<style>{STYLE}</style><main>{''.join(body)}</main></html>"
    )
    path.write_text(page, encoding="utf-8")


def _section(found: Comparison, test_share: float) -> list[str]:
    out = [f'<p class="lead">{escape(found.headline())}.</p>', _table(HEADER, shown(found, test_share))]
    out += [_image(intervals(found)), *([_image(matrix(found))] if len(found.names) > 2 else [])]
    margin = f" Differences up to {found.margin:g} are said not to matter." if found.margin else ""
    friedman = f"{found.ranks.p:.3g}" if found.ranks else "not made"
    method = METHOD.format(how=escape(found.how), margin=margin, friedman=friedman)
    out.append(method if found.tukey is not None else method.partition('<p class="soft">')[0])
    if found.left_out:
        out.append(f"<p>{found.left_out} folds are left out, in which the metric is undefined for a model.</p>")
    rows = found.rows()
    return [*out, _table([k.replace("_", " ") for k in rows[0]], [[_cell(v) for v in r.values()] for r in rows])]


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        kind = [' class="n"' if numbers and i else "" for i in range(len(cells))]
        return "".join(f"<{tag}{k}>{escape(c)}</{tag}>" for k, c in zip(kind, cells, strict=True))

    body = "".join(f"<tr>{line(r, 'td')}</tr>" for r in rows)
    return f'<div style="overflow-x:auto"><table><tr>{line(header, "th")}</tr>{body}</table></div>'


def _definitions(about: Mapping[str, str]) -> str:
    return "<p class='soft'>" + " · ".join(f"{escape(k)}: {escape(v)}" for k, v in about.items()) + "</p>"


def _image(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, facecolor="white")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<p><img alt="" style="max-width:min(100%, 760px)" src="data:image/png;base64,{data}"></p>'
