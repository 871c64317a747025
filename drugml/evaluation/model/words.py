"""Words and numbers of a model's card."""

from collections.abc import Sequence

import numpy as np

from drugml.config.base import Spec
from drugml.config.tasks import ClassificationSpec
from drugml.evaluation.model.markdown import cut
from drugml.evaluation.report.scores import Score
from drugml.featurizers.pack import described
from drugml.prediction.spec import BundleSpec

NAME, TEXT = 80, 300
"""Characters of a name from the table, and of a longer text."""
SINGLE = 50
"""Targets that are listed one by one."""


def standardization(spec: BundleSpec) -> str:
    """How molecules are treated before they are featurized."""
    kind = spec.standardize.kind
    return "no standardization" if kind == "none" else f"standardization {kind}"


def predicts(spec: BundleSpec, target: str) -> str:
    """A target and what is predicted of it."""
    more = "" if isinstance(spec.task, ClassificationSpec) else f"; unit {unit(spec, target)}"
    return f"{cut(target, NAME)} ({meaning(spec, target)}{more})"


def unit(spec: BundleSpec, target: str) -> str:
    """Of what is predicted."""
    if isinstance(spec.task, ClassificationSpec):
        return "probability"
    return spec.units.get(target, "unknown")


def meaning(spec: BundleSpec, target: str) -> str:
    """What the prediction of a target is."""
    if isinstance(spec.task, ClassificationSpec):
        return f"probability of class {cut(spec.positive.get(target, '1'), NAME)}"
    return "the value, learned as its log10" if target in spec.log10 else "the value"


def settings(spec: Spec) -> str:
    """What was set of a section of the config, its name left out."""
    left_out = ["name", "kind", "units", "positive"]
    if not getattr(spec, "descriptors", ()):
        left_out.append("descriptor_scale")
    shown = [f"{k} {_said(v)}" for k, v in spec if k not in left_out and v != ()]
    return f" ({cut(', '.join(shown), TEXT)})" if shown else ""


def _said(value: object) -> str:
    if isinstance(value, Spec):
        return described(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_said, value))}]"
    return "none" if value is None else str(value)


def named(targets: Sequence[str]) -> str:
    """Targets, or how many where there are many."""
    return ", ".join(cut(t, NAME) for t in targets) if len(targets) <= 3 else f"{len(targets)} targets"


def rest(targets: Sequence[str]) -> list[str]:
    """What a table of targets leaves out."""
    more = len(targets) - SINGLE
    return [f"{more:,} more targets are left out of the table; metrics.json has them."] if more > 0 else []


def number(value: float) -> str:
    """A metric."""
    return "undefined" if np.isnan(value) else f"{value:.4f}"


def ends(score: Score) -> str:
    """Its interval, empty where there is none."""
    return "" if np.isnan(score.low) else f"{score.low:.4f} to {score.high:.4f}"


def full(score: Score) -> str:
    """A metric with its interval, and why one of them is missing."""
    said = "; ".join(filter(None, [ends(score), score.why]))
    return f"{number(score.value)} ({said})" if said else number(score.value)


def short(score: Score) -> str:
    """Both in a cell."""
    return "–" if np.isnan(score.value) else str(score)
