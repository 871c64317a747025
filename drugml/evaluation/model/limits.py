"""What a model was not shown to do, as follows from how it was made and tested."""

from drugml.config.tasks import ClassificationSpec
from drugml.evaluation.model.facts import Facts
from drugml.evaluation.model.markdown import cut
from drugml.evaluation.report.report import Summary

SMALL = 100
"""Test labels below which it is said that they are few."""
NEAR = 0.05
"""Share of test molecules almost like a training molecule from which on it is said."""
BY_CHANCE = ("random", "stratified")
GIVEN = ("predefined", "file", "group")
KEEPERS = ("knn", "gp", "svm")
"""Models whose bundles hold fingerprints of training molecules."""
NAMED = 5
"""Targets that are named in a line."""


def limits(facts: Facts, found: Summary) -> list[str]:
    """Lines that hold for this model; each follows from a fact."""
    return [*_split(facts), *_test(facts, found), *_never(facts, found), *_bundle(facts)]


def _split(facts: Facts) -> list[str]:
    kind, leaks, out = facts.config.data.split.kind, facts.leaks, []
    if kind in BY_CHANCE:
        out.append(
            f"The split is {kind}: test molecules were drawn as training molecules were. How it does on new series "
            "was not measured."
        )
    elif kind in GIVEN:
        out.append(f"Folds were given ({kind}); what the test fold stands for is not known to drugml.")
    if leaks is None:
        return [*out, "Whether the split leaks is unknown: the split file does not say."]
    if n := len(leaks["connectivity"]):
        out.append(f"Leak: {n:,} structures that differ in stereo, isotopes or charge only are in more than one fold.")
    near = [n["near_copies"] for n in leaks["nearness"] if n["fold"] == "test" and n["near_copies"] >= NEAR]
    out += [f"{share:.1%} of the test molecules are almost copies of a training molecule (over 0.9)." for share in near]
    return out


def _test(facts: Facts, found: Summary) -> list[str]:
    tested, out = found.tested, []
    numbers = [len(tested.of(t)[0]) for t in range(len(tested.targets))]
    small = [f"{cut(tested.targets[t], 80)} ({n:,})" for t, n in enumerate(numbers) if n < SMALL]
    if small:
        out.append(f"Few test labels, so that figures are unsure: {_listed(small)}.")
    undefined = [n for n, s in found.scores.items() if s.value != s.value]
    if undefined:
        out.append(f"Undefined on this test fold: {', '.join(undefined)}.")
    seen = facts.spec.provenance.get("drugml.init_from")
    if seen:
        out.append(
            "The encoder was trained before; how many test molecules it has seen is in the run's tag "
            "drugml.init_seen_in_test."
        )
    return out


def _never(facts: Facts, found: Summary) -> list[str]:
    once = "One test fold of one table: no external test set, and no other split, was tried in this run."
    if isinstance(facts.spec.task, ClassificationSpec):
        sure = "How far probabilities can be trusted is known by brier and ece (above) of the test fold only."
    elif facts.spec.members:
        sure = "The spread of the members says how far they disagree; it is no interval and was not calibrated."
    else:
        sure = "Single predictions come without an interval; their uncertainty is unknown."
    return [once, sure]


def _bundle(facts: Facts) -> list[str]:
    if facts.spec.model.name in KEEPERS:
        return [
            "The bundle holds fingerprints of the training molecules: give it to nobody who must not learn of them."
        ]
    return []


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
