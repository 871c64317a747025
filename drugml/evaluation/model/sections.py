"""The sections of a model's card. Every figure is one of the run; what is not known is said to be so."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from drugml.config.tasks import ClassificationSpec
from drugml.evaluation.model.facts import Facts, Labels
from drugml.evaluation.model.limits import limits
from drugml.evaluation.model.markdown import Code, Section, Table, cut
from drugml.evaluation.model.words import (
    NAME,
    SINGLE,
    TEXT,
    ends,
    meaning,
    named,
    number,
    rest,
    settings,
    short,
    standardization,
    unit,
)
from drugml.evaluation.report.report import Data, Summary

FINDINGS = 6
"""Of the audit that are quoted."""
HARDWARE = ("device", "processor", "threads")
DRAWN = "percentiles over test molecules drawn with replacement; they say nothing of other training runs or splits"


def model(facts: Facts) -> Section:
    """What it is."""
    spec = facts.spec
    what = [
        ("Model", f"{facts.model}{settings(spec.model)}"),
        ("Featurizer", f"{spec.featurizer.name}{settings(spec.featurizer)}"),
        ("Standardization", f"{standardization(spec)}{settings(spec.standardize)}"),
        ("Task", f"{spec.task.kind}{settings(spec.task)}"),
        ("Predicts", "the table of targets below; to each target one value per molecule"),
    ]
    if spec.members:
        what.append(("Members", f"{len(spec.members)}, by {facts.config.ensemble.by}; the prediction is their mean"))
    if start := spec.provenance.get("drugml.init_from"):
        what.append(
            ("Encoder", f"was trained before: {start} ({spec.provenance.get('drugml.init_run', 'run unknown')})")
        )
    rows = [[cut(t, NAME), unit(spec, t), meaning(spec, t)] for t in spec.targets[:SINGLE]]
    return Section("Model", what, [Table(["target", "unit", "what is predicted"], rows, (0, 1, 2))], rest(spec.targets))


def data(facts: Facts, learned: Data) -> Section:
    """What was learned from."""
    reasons = ", ".join(f"{k.replace('_', ' ')} {n:,}" for k, n in learned.rejected.items()) or "none"
    what = [
        ("Table", facts.files),
        *((k.capitalize(), f"{n:,}") for k, n in facts.rows),
        ("Rows rejected, or not used with all labels, by reason", reasons),
        ("Data hash", Code(facts.spec.provenance.get("drugml.data_hash", "unknown"))),
        ("Data card", Code("data_card.html")),
        ("Origin and licence of the data", "unknown; a table does not say"),
    ]
    grave = [f for f in learned.findings or [] if f["severity"] != "note"]
    notes = [f"{f['severity']}, {f['kind']}: {cut(f['text'], TEXT)}" for f in grave[:FINDINGS]]
    if learned.findings is None:
        notes = ["What the audit found is unknown."]
    elif len(grave) > FINDINGS:
        notes.append(f"{len(grave) - FINDINGS:,} more in the data card.")
    elif not grave:
        notes = ["The audit found no errors and gave no warnings."]
    return Section("Data", what, [_labels(facts)], [*rest(facts.spec.targets), *notes])


def split(facts: Facts) -> Section:
    """How folds were made, and what they let through."""
    spec = facts.config.data.split
    what = [
        ("Method", f"{spec.kind}{settings(spec)}"),
        ("Sizes", _sizes(facts)),
        ("Split hash", Code(facts.split_hash)),
    ]
    leaks = facts.leaks
    if leaks is None:
        return Section("Split", [*what, ("Leaks", "unknown")])
    what += [
        ("Molecules in more than one fold", f"{len(leaks['identical']):,} by InChIKey"),
        ("The same but for stereo, isotopes or charge", f"{len(leaks['connectivity']):,}"),
    ]
    what += [(f"Likeness of {n['fold']} to train", _nearness(n, facts.sizes)) for n in leaks["nearness"]]
    return Section("Split", what)


def results(facts: Facts, found: Summary) -> Section:
    """How well it did."""
    tested = found.tested
    labels = int((~np.isnan(tested.labels)).sum())
    what = [("Test fold", f"{len(tested.lines):,} molecules, {labels:,} labels; bounds are left out")]
    tables = [means(found), *([single(found, SINGLE)] if facts.several else [])]
    notes = [f"95 % intervals: {DRAWN}."]
    log10 = [t for t in facts.spec.targets if t in facts.spec.log10]
    if log10:
        notes.append(f"Compared as log10: {', '.join(cut(t, NAME) for t in log10[:SINGLE])}.")
    return Section(
        "Results", what, [*tables, *_validation(facts)], [*rest(facts.spec.targets), *notes, *_chosen(facts)]
    )


def domain(facts: Facts, found: Summary) -> Section:
    """To which molecules the results refer."""
    extent, spec, like = facts.extent, facts.spec, found.tested.similarity
    known = like[~np.isnan(like)]
    what = [("Molecules learned from", f"{extent.molecules:,}, as they are written in the table")]
    if extent.atoms:
        smallest, median, largest = extent.atoms
        what.append(("Heavy atoms", f"{smallest} to {largest}, median {median}"))
        what.append(("Elements", ", ".join(f"{e} in {n:,}" for e, n in extent.elements.items())))
    what.append(("Larger molecules", f"over {spec.max_atoms} heavy atoms are rejected (data.max_atoms)"))
    allowed = getattr(spec.standardize, "elements", None)
    what.append(("Elements that are refused", f"all but H, {', '.join(allowed)}" if allowed else "none"))
    if len(known):
        low, middle, high = np.percentile(known, [5, 50, 95])
        what.append(
            (
                "Similarity of test molecules to the nearest molecule learned from",
                f"median {middle:.2f}, 5 to 95 % {low:.2f} to {high:.2f} (Tanimoto, Morgan radius 2, 2,048 bits; "
                f"{len(known):,} compared)",
            )
        )
    names = [*found.bins[0].found] if found.bins else []
    rows = [
        [f"{b.low:.1f} to {b.high:.1f}", f"{b.molecules:,}", *(short(b.found[n]) for n in names)] for b in found.bins
    ]
    tables = [Table(["similarity", "molecules", *names], rows)] if rows else []
    return Section("Domain", what, tables, ["Of molecules less similar than these nothing was measured."])


def use(facts: Facts, found: Summary) -> Section:
    """What it is for, as far as that follows from how it was tested."""
    what = [
        ("Tested for", f"prediction of {named(facts.spec.targets)} for molecules like those of the test fold"),
        ("Intended use, users and decisions", "unknown; nobody wrote them down"),
        ("Uses that were not tested", "all others"),
    ]
    return Section("Use and limits", what, notes=limits(facts, found))


def again(facts: Facts) -> Section:
    """How to use it and make it again."""
    spec, made = facts.spec, facts.surroundings
    what = [
        ("Command", Code("drugml train config.yaml")),
        ("Its config", "config.yaml among the artifacts of the run; it names the table"),
        ("Run", Code(facts.run_id)),
        ("Seed of training", str(facts.config.train.seed)),
        (
            "drugml",
            f"{spec.versions.get('drugml', 'unknown')}, SHA-256 of its code begins {made.get('source', 'unknown')}",
        ),
        ("Commit", "not recorded; the hash of the code says more"),
        ("Versions", ", ".join(f"{k} {v}" for k, v in spec.versions.items())),
        ("Hardware", ", ".join(f"{k} {made[k]}" for k in HARDWARE if k in made) or "unknown"),
        ("Definition of metrics", Code(spec.provenance.get("drugml.metrics_hash", "unknown"))),
        ("Bundle hash", Code(spec.hash)),
    ]
    return Section("How to make it again", what)


def means(found: Summary) -> Table:
    """Metrics of the test fold."""
    heads = [
        "test metric" + (", mean over targets" if len(found.tested.targets) > 1 else ""),
        "value",
        "95 % interval",
        "",
    ]
    return Table(heads, [[n, number(s.value), ends(s), s.why] for n, s in found.scores.items()], (0, 3))


def single(found: Summary, most: int) -> Table:
    """The same of single targets."""
    tested = found.tested
    rows = [
        [cut(tested.shown[t], NAME), f"{len(tested.of(t)[0]):,}", *(short(s) for s in each.values())]
        for t, each in enumerate(found.each[:most])
    ]
    return Table(["target", "test labels", *found.scores], rows)


def brief_targets(found: Summary, most: int) -> list[tuple[str, str]]:
    """Single targets, a line each."""
    tested = found.tested
    return [
        (
            f"Target {cut(tested.shown[t], NAME)}",
            f"{len(tested.of(t)[0]):,} test labels; {', '.join(f'{n} {short(s)}' for n, s in each.items())}",
        )
        for t, each in enumerate(found.each[:most])
    ]


def brief_data(facts: Facts) -> str:
    """Table, rows and hash in a line."""
    rows = ", ".join(f"{k} {n:,}" for k, n in facts.rows)
    return f"{cut(facts.files, NAME)} ({rows}), hash {facts.spec.provenance.get('drugml.data_hash', 'unknown')[:12]}"


def brief_split(facts: Facts) -> str:
    """Method, sizes and hash in a line."""
    return f"{facts.config.data.split.kind}; {_sizes(facts)}; hash {facts.split_hash[:12]}"


def _labels(facts: Facts) -> Table:
    """How many labels each target has, and over what they reach."""
    classes, folds = isinstance(facts.spec.task, ClassificationSpec), list(facts.sizes)
    rows = [
        [cut(t, NAME), *(f"{labels.folds[f]:,}" for f in folds), f"{labels.bounds:,}", _reach(labels, classes)]
        for t, labels in zip(facts.spec.targets[:SINGLE], facts.labels, strict=False)
    ]
    reach = (
        "positive in train" if classes else "train, from to" + (" (log10 where learned so)" if facts.spec.log10 else "")
    )
    return Table(["target", *(f"labels in {f}" for f in folds), "bounds", reach], rows)


def _reach(labels: Labels, classes: bool) -> str:
    if np.isnan(labels.mean):
        return "unknown"
    return f"{labels.mean:.1%}" if classes else f"{labels.low:.4g} to {labels.high:.4g}"


def _validation(facts: Facts) -> list[Table]:
    """Means over targets of the validation fold, and of members alone."""
    plain = {k: v for k, v in facts.metrics.items() if k.count("/") == 2 and k.startswith("best/val/")}
    alone = {k: v for k, v in facts.metrics.items() if k.count("/") == 2 and k.startswith("members/test/")}
    out = [Table(["validation metric", "value"], [[k.removeprefix("best/val/"), number(v)] for k, v in plain.items()])]
    out.append(
        Table(
            ["test metric, mean of single members", "value"],
            [[k[len("members/test/") :], number(v)] for k, v in alone.items()],
        )
    )
    return [t for t in out if t.rows]


def _chosen(facts: Facts) -> list[str]:
    if facts.spec.members:
        return [
            "Validation of the ensemble: each molecule that members validated on is predicted by these members only. "
            "It has no interval; members chose their epoch by it, where they have epochs."
        ]
    if "best/epoch" in facts.metrics:
        return [f"Validation chose epoch {facts.metrics['best/epoch']:.0f}, so that its figures are too good."]
    return []


def _nearness(nearness: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    looked = f", {nearness['looked_at']:,} looked at" if nearness["looked_at"] < sizes[nearness["fold"]] else ""
    return f"median Tanimoto similarity {nearness['median']:.2f}, {nearness['near_copies']:.1%} over 0.9{looked}"


def _sizes(facts: Facts) -> str:
    sizes = ", ".join(f"{f} {n:,}" for f, n in facts.sizes.items())
    return f"{sizes} molecules" + (f", in no fold {facts.unused:,}" if facts.unused else "")
