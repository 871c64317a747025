"""The audit: every finding against a naive loop over the same rows, and its text."""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from drugml.config.audit import AuditSpec
from drugml.data.audit.audit import audit
from drugml.data.audit.finding import Audit, Finding, Severity
from drugml.data.audit.record import Record
from drugml.data.facts import inspect
from drugml.data.status import BadRow, Reject, Status

POOL = [
    "CCO",
    "OCC",
    "c1ccccc1O",
    "C[C@H](O)CC",
    "C[C@@H](O)CC",
    "CC(O)CC",
    "CC(=O)[O-].[Na+]",
    "[2H]OC",
    "C[N+](C)(C)C",
    "CC=CC",
    "c1ccc2ccccc2c1",
    "CNCCc1ccccc1.CC(C)Cc1ccc(C(C)C(=O)O)cc1",
]
INF = np.inf
Label = tuple[float, float]


def of(
    smiles: list[str],
    labels: dict[str, list[Label]],
    *,
    bad: int = 0,
    units: dict[str, Counter[str]] | None = None,
    spec: AuditSpec | None = None,
) -> Audit:
    """Audit rows; line 2 is the first usable one, rejected rows follow at the end."""
    looked = inspect(smiles, max_atoms=1000, identities=True, workers=1)
    n = len(smiles)
    ends = np.array([*labels.values()], np.float64).reshape(len(labels), n, 2)
    wrong = [BadRow(str(n + 2 + i), "C1CC", Reject(Status.NOT_SMILES, "not a SMILES: 'C1CC'")) for i in range(bad)]
    record = Record(
        "table",
        n + bad,
        wrong,
        [str(i) for i in range(2, n + 2)],
        smiles,
        looked.inchikeys,
        looked.scaffolds,
        tuple(labels),
        ends[:, :, 0].T,
        ends[:, :, 1].T,
        units or {},
    )
    return audit(record, looked.facts, spec or AuditSpec())


def exact(values: list[float] | np.ndarray) -> list[Label]:
    return [(float(v), float(v)) for v in values]


def chain(n: int) -> list[str]:
    """n different molecules."""
    return ["C" * (1 + i // 12) + POOL_TAIL[i % 12] for i in range(n)]


POOL_TAIL = ["O", "N", "F", "Cl", "Br", "S", "C#N", "C=O", "C(=O)O", "C(N)=O", "OC", "SC"]


def named(found: Audit, kind: str, target: str | None = None) -> Finding:
    return next(f for f in found.findings if f.kind == kind and target in (None, f.target))


def kinds(found: Audit) -> set[str]:
    return {f.kind for f in found.findings}


LABELS = st.sampled_from([(np.nan, np.nan), (1.0, 1.0), (1.5, 1.5), (3.0, 3.0), (2.0, INF), (-INF, 2.0), (2.5, 2.5)])
ROWS = st.lists(st.tuples(st.sampled_from(POOL), LABELS, LABELS), min_size=1, max_size=25)


@given(ROWS, st.integers(0, 3))
def test_rows_add_up_and_counts_are_those_of_a_naive_loop(rows: list[tuple[str, Label, Label]], bad: int) -> None:
    smiles = [r[0] for r in rows]
    limit = 1.2
    found = of(smiles, {"a": [r[1] for r in rows], "b": [r[2] for r in rows]}, bad=bad, spec=AuditSpec(conflict=limit))
    assert found.rows == found.rejected + found.usable == len(rows) + bad
    keys = [Chem.MolToInchiKey(Chem.MolFromSmiles(s)) for s in smiles]
    assert found.molecules == len(set(keys))
    counts = {(f.kind, f.target): f.count for f in found.findings}
    expected: dict[tuple[str, str | None], int] = {}
    if bad:
        expected["rejected: parse_error", None] = bad
    conflicting = set()
    for t, name in ((1, "a"), (2, "b")):
        known = [(k, r[t]) for k, r in zip(keys, rows, strict=True) if not np.isnan(r[t][0])]
        expected["missing", name] = len(rows) - len(known) if known else 0
        expected["no_label", name] = 0 if known else len(rows)
        expected["censored", name] = sum(low != high for _, (low, high) in known)
        by_key, by_block = defaultdict(list), defaultdict(list)
        for k, label in known:
            by_key[k].append(label)
            by_block[k[:14]].append((k, label))
        wide = {k for k, v in by_key.items() if any(p[0] - q[1] > limit for p in v for q in v)}
        conflicting |= wide
        expected["conflicts", name] = len(wide)
        expected["skeleton_conflicts", name] = sum(
            any(p[0] - q[1] > limit for i, p in v for j, q in v if i != j) for v in by_block.values()
        )
    expected["duplicates", None] = sum(n > 1 and k not in conflicting for k, n in Counter(keys).items())
    expected["unlabelled", None] = sum(bool(np.isnan(r[1][0]) and np.isnan(r[2][0])) for r in rows)
    mols = [Chem.MolFromSmiles(s) for s in {k: s for s, k in zip(smiles, keys, strict=True)}.values()]
    expected["isotopes", None] = sum(any(a.GetIsotope() for a in m.GetAtoms()) for m in mols)
    expected["charged", None] = sum(Chem.GetFormalCharge(m) != 0 for m in mols)
    several = sum(len(Chem.GetMolFrags(m)) > 1 for m in mols)
    assert counts.get(("salts", None), 0) + counts.get(("mixtures", None), 0) == several
    for (kind, name), n in expected.items():
        constant = (kind == "censored") and counts.get(("constant", name), 0)
        assert constant or counts.get((kind, name), 0) == n, (kind, name)
    for f in found.findings:
        assert 0 < f.count <= f.of
        assert len(f.examples) <= 5
        assert all(e.text == (smiles[int(e.line) - 2] if int(e.line) < len(smiles) + 2 else "C1CC") for e in f.examples)


@given(ROWS)
def test_the_order_of_rows_changes_no_count(rows: list[tuple[str, Label, Label]]) -> None:
    there, back = (
        of([r[0] for r in some], {"a": [r[1] for r in some], "b": [r[2] for r in some]}) for some in (rows, rows[::-1])
    )
    one, other = (Counter((f.kind, f.target, f.count, f.of) for f in found.findings) for found in (there, back))
    assert one == other


def test_findings_are_sorted_by_severity() -> None:
    found = of([*chain(20), "C[N+](C)(C)C"], {"y": exact([5.0] * 21), "z": exact(range(21))}, bad=2)
    order = [list(Severity).index(f.severity) for f in found.findings]
    assert all(a <= b for a, b in pairwise(order))
    assert {f.severity for f in found.findings} == set(Severity)


def test_conflicts_of_numbers_are_told_with_lines_and_labels() -> None:
    values = [*np.linspace(4, 8, 40), 5.0, 7.5, 5.1]
    found = of([*chain(40), "c1ccccc1O", "Oc1ccccc1", "Oc1ccccc1"], {"pIC50": exact(values)})
    conflict = named(found, "conflicts")
    assert conflict.text == (
        "'pIC50': 1 of 1 molecules with several labels have labels more than 1.37 apart (1 differ at all)"
    )
    assert conflict.examples[0] == ("42", "c1ccccc1O", "5, 7.5, 5.1 (lines 42, 43, 44)")
    assert "duplicates" not in kinds(found)


def test_limits_conflict_only_where_no_value_fits() -> None:
    spread = exact(np.linspace(4, 8, 40))
    fits = of([*chain(40), "c1ccccc1O", "Oc1ccccc1"], {"y": [*spread, (5.0, INF), (7.5, 7.5)]})
    assert "conflicts" not in kinds(fits)
    assert named(fits, "duplicates").count == 1
    clash = of([*chain(40), "c1ccccc1O", "Oc1ccccc1"], {"y": [*spread, (7.5, INF), (5.0, 5.0)]})
    assert named(clash, "conflicts").examples[0].detail == ">7.5, 5 (lines 42, 43)"
    assert named(clash, "censored").text == "'y': 1 labels are limits (1 with >, 0 with <)"


def test_concentrations_are_compared_by_their_logarithms() -> None:
    labels = exact([*10 ** np.random.default_rng(0).normal(2, 1, 60), 1, 900, 5000, 9000])
    found = of([*chain(60), "c1ccccc1O", "Oc1ccccc1", "c1ccncc1O", "Oc1cccnc1"], {"IC50": labels})
    conflict = named(found, "conflicts")
    assert conflict.count == 1  # a factor of 900, not a difference of 4,000
    assert conflict.text.startswith("'IC50': 1 of 2 molecules with several labels have labels more than 1.")
    assert "decades apart" in conflict.text
    assert found.noise["IC50"].logs  # type: ignore[union-attr]
    assert "heavy_tail" in kinds(found)


def test_classes() -> None:
    labels = [1.0] * 3 + [0.0] * 97
    found = of([*chain(100), "c1ccccc1O", "Oc1ccccc1"], {"active": exact([*labels, 0.0, 1.0])})
    assert named(found, "imbalance").text == "'active': only 4 of 102 labels are 1"
    assert named(found, "conflicts").text == ("'active': 1 of 1 molecules with several labels stand in both classes")
    assert {"outlier", "floor", "near_constant", "pile_up"}.isdisjoint(kinds(found))


def test_constants() -> None:
    varied = exact(np.linspace(0, 1, 100))
    found = of(chain(100), {"y": exact([3.0] * 100), "z": exact([3.0] * 97 + [1.0, 2.0, 4.0]), "v": varied})
    assert named(found, "constant", "y").text == "'y' is 3 in all 100 labels"
    assert named(found, "constant", "y").severity == Severity.ERROR
    assert named(found, "near_constant").text == "'z': 97 of 100 labels are one value"


def test_an_unmarked_floor_is_told_and_its_labels_are_no_outliers() -> None:
    values = np.maximum(np.random.default_rng(0).normal(1, 0.7, 500), 0.675687)
    found = of(chain(500), {"y": exact(values)})
    floor = named(found, "floor")
    n = int((values == 0.675687).sum())
    assert floor.text == (
        f"'y': {n} of 500 labels are 0.675687, the lowest value: probably a floor of the assay, so that they are "
        "limits and no measurements"
    )
    assert floor.count == n
    assert "outlier" not in kinds(found)


def test_skewed_labels_with_zeros_are_no_outliers() -> None:
    values = (10 ** np.random.default_rng(0).normal(0.5, 0.8, 500)).round(1)
    found = of(chain(500), {"CLint": exact(values)})
    assert "outlier" not in kinds(found)
    zeros = int((values == 0).sum())
    assert named(found, "heavy_tail").text == (
        f"'CLint' is skewed and spans {np.log10(values.max() / 0.1):.1f} decades (0.1 to {values.max():g}); {zeros} "
        "labels of 0 have no logarithm"
    )
    assert zeros > 1


def test_an_outlier() -> None:
    values = np.random.default_rng(0).normal(6, 1, 300)
    values[17] = 60
    found = named(of(chain(300), {"y": exact(values)}), "outlier")
    assert found.text == "'y': 1 label more than 6 robust standard deviations from the median"
    assert found.examples[0].line == "19"


@pytest.mark.parametrize("seed", range(5))
def test_normal_labels_raise_nothing(seed: int) -> None:
    values = np.random.default_rng(seed).normal(6, 1, 400).round(2)
    quiet = {"scaffolds", "undefined_stereo", "charged"}
    assert kinds(of(chain(400), {"y": exact(values)})) <= quiet


def test_units() -> None:
    found = of(chain(60), {"y": exact(np.linspace(0, 1, 60))}, units={"y": Counter({"nM": 50, "uM": 8, "": 2})})
    units = named(found, "units")
    assert units.text == "'y' is in 3 units: 'nM' (50), 'uM' (8), 'no unit' (2)"
    assert (units.severity, units.count, units.of) == (Severity.ERROR, 10, 60)


def test_a_thousandfold_slip_between_replicates() -> None:
    values = 10 ** np.random.default_rng(0).normal(1, 0.8, 100)
    found = of([*chain(100), "c1ccccc1O", "Oc1ccccc1"], {"y": exact([*values, 2.5, 2500.0])})
    slip = named(found, "unit_slip")
    assert slip.count == 1
    assert slip.examples[0].detail == "2.5, 2500 (lines 102, 103)"


def test_noise_that_meets_a_thousand_by_chance_is_no_slip() -> None:
    values = np.random.default_rng(0).normal(0, 1, 8000).round(2)
    pool = chain(80)
    found = of([s for s in pool for _ in range(100)], {"y": exact(3 * values)})
    assert named(found, "conflicts").count == 80
    assert "unit_slip" not in kinds(found)


def test_a_part_in_another_unit_makes_two_humps() -> None:
    random = np.random.default_rng(0)
    values = 10 ** random.normal(1, 0.4, 400)
    values[:80] *= 1000
    assert "unit_modes" in kinds(of(chain(400), {"y": exact(values)}))
    assert "unit_modes" not in kinds(of(chain(400), {"y": exact(10 ** random.normal(1, 1.3, 400))}))


def test_logarithms_among_concentrations() -> None:
    random = np.random.default_rng(0)
    values = np.where(np.arange(400) < 100, random.normal(6.5, 0.8, 400), 10 ** random.normal(4, 0.7, 400))
    found = named(of(chain(400), {"y": exact(values)}), "mixed_scale")
    assert found.count == 100
    assert found.severity == Severity.NOTE


def test_targets_without_a_row_in_common() -> None:
    gap = (np.nan, np.nan)
    a = [*exact(np.linspace(0, 1, 30)), *[gap] * 30]
    found = of(chain(60), {"a": a, "b": a[::-1], "c": exact(np.linspace(0, 1, 60))})
    assert named(found, "no_overlap").text == "no row has labels of both: 'a' and 'b'"
    assert (named(found, "no_overlap").count, named(found, "no_overlap").of) == (1, 3)
    assert named(found, "few", "a").text == "'a' has labels for 30 molecules only"


def test_nothing_usable() -> None:
    found = of([], {"y": []}, bad=3)
    assert named(found, "no_usable_row").text == "none of the 3 rows can be used"
    assert named(found, "rejected: parse_error").examples[0] == ("2", "C1CC", "not a SMILES: 'C1CC'")
    assert found.molecules == 0
    assert of(["CCO"], {}).usable == 1


def test_a_record_that_loses_rows_is_refused() -> None:
    empty = np.zeros(0, "S27")
    labels = np.zeros((0, 1))
    with pytest.raises(ValueError, match="3 rows, but 0 rejected and 0 usable"):
        Record("t", 3, [], [], [], empty, empty, ("y",), labels, labels, {})
