"""The leak report: what is on two sides, near copies and shifts, against RDKit and SciPy."""

import json

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from scipy.stats import ks_2samp

from drugml.config.splits import RandomSplit
from drugml.data import prints as module
from drugml.data.molecule import identity, parse, scaffold
from drugml.data.prints import fingerprints
from drugml.data.splits import Molecules, SplitPlan, split
from drugml.data.splits.leaks import report
from tests.conftest import SMILES
from tests.test_splitters import taken


def plan_of(smiles: list[str], fold: list[int], labels: list[float] | None = None) -> SplitPlan:
    mols = [parse(s, 1000) for s in smiles]
    values = np.array(labels)[:, None] if labels else np.zeros((len(smiles), 0))
    molecules = Molecules(
        [str(n) for n in range(2, len(smiles) + 2)],
        np.array([identity(m).encode() for m in mols]),  # type: ignore[arg-type]
        np.array([scaffold(m).encode() for m in mols], "S20"),  # type: ignore[arg-type]
        None,
        smiles,
        values,
    )
    return SplitPlan(molecules, np.array(fold, np.int8))


def test_a_split_of_ours_lets_nothing_through() -> None:
    found = report(split(RandomSplit(), taken([*range(60), 3, 3, 9])), [])
    assert found.identical == ()
    assert found.sizes == {"train": 51, "val": 6, "test": 6}


def test_the_same_molecule_and_its_stereoisomer_are_told_apart() -> None:
    smiles = ["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "OCC", "CCO", "c1ccccc1"]
    found = report(plan_of(smiles, [0, 2, 0, 1, 2]), [])
    assert found.identical == ("LFQSCWFLJHTTHZ-UHFFFAOYSA-N",)
    assert found.connectivity == ("LFQSCWFLJHTTHZ", "QNAYBMKLOCPYGJ")


def test_unused_molecules_leak_nowhere() -> None:
    found = report(plan_of(["CCO", "CCO", "CCN", "CCC"], [0, -1, 1, 2]), [])
    assert found.identical == found.connectivity == ()
    assert found.unused == 1


def test_nearness_is_that_of_rdkit() -> None:
    plan = split(RandomSplit(sizes=(0.5, 0.25, 0.25)), taken([*range(60), *range(5)]))
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [generator.GetFingerprint(Chem.MolFromSmiles(s)) for s in plan.molecules.smiles]
    train = [prints[i] for i in plan.indices("train")]
    for n in report(plan, []).nearness:
        expected = np.array([max(DataStructs.BulkTanimotoSimilarity(prints[i], train)) for i in plan.indices(n.fold)])
        assert n.median == pytest.approx(np.median(expected))
        assert n.histogram == tuple(np.histogram(expected, np.linspace(0, 1, 11))[0].tolist())
        assert n.near_copies == (expected > 0.9).mean()
        assert sum(n.histogram) == plan.sizes[n.fold]


def test_of_a_large_fold_a_sample_is_looked_at_and_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = split(RandomSplit(sizes=(0.5, 0.25, 0.25)), taken([*range(60)]))
    whole = report(plan, []).nearness[1]
    train = len(plan.indices("train"))
    monkeypatch.setattr("drugml.data.splits.leaks.PAIRS", 6 * train)
    found = report(plan, [])
    (sample,) = (n for n in found.nearness if n.fold == "test")
    assert (whole.looked_at, sample.looked_at) == (15, 6)
    assert sum(sample.histogram) == 6
    assert all(a <= b for a, b in zip(sample.histogram, whole.histogram, strict=True))
    assert found.lines()[4].endswith(" (of 6 looked at)")
    shuffled = split(RandomSplit(sizes=(0.5, 0.25, 0.25)), taken([*range(60)][::-1]))
    assert report(shuffled, []).nearness == found.nearness


def test_fingerprints_by_several_processes_are_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    smiles = SMILES * 3
    alone = fingerprints(smiles)
    monkeypatch.setattr(module, "WORTH_A_POOL", 1)
    monkeypatch.setattr(module, "CHUNK", 50)
    monkeypatch.setattr(module, "_kept", {})
    np.testing.assert_array_equal(fingerprints(smiles).packed, alone.packed)
    assert fingerprints([]).packed.shape == (0, 256)


def test_an_inchi_has_the_fingerprint_of_its_molecule() -> None:
    mols = [Chem.MolFromSmiles(s) for s in SMILES if "." not in s]
    read = [(i, Chem.MolFromInchi(i)) for i in map(Chem.MolToInchi, mols)]
    texts, alike = [i for i, _ in read], [Chem.MolToSmiles(m) for _, m in read]
    np.testing.assert_array_equal(fingerprints(texts).packed, fingerprints(alike).packed)


@pytest.mark.parametrize("kept", [0, 50, 70, 1000])
def test_fingerprints_that_are_kept_are_those_that_are_made(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    made: list[str] = []
    pack = module._packed

    def packed(smiles: list[str]) -> np.ndarray:
        made.extend(smiles)
        return pack(smiles)

    monkeypatch.setattr(module, "_packed", packed)
    monkeypatch.setattr(module, "_kept", {})
    monkeypatch.setattr(module, "KEPT", kept)
    for texts in (SMILES[:40], SMILES[20:], SMILES[::-1] * 2, SMILES[:40]):
        assert fingerprints(texts).packed.tobytes() == pack(texts).tobytes()
        assert len(module._kept) <= kept
    assert len(made) == {0: 240, 50: 40 + 40 + 120 + 40, 70: 60 + 120, 1000: 60}[kept]


def test_shifts_are_those_of_scipy_and_missing_labels_count_for_nothing() -> None:
    plan = split(RandomSplit(sizes=(0.5, 0.25, 0.25)), taken(list(range(60))))
    labels = plan.molecules.labels
    shifts = {(s.target, s.fold): s for s in report(plan, ["class", "size"]).shifts}
    for fold in ("val", "test"):
        for t, name in enumerate(("class", "size")):
            sides = [labels[plan.indices(f), t] for f in ("train", fold)]  # type: ignore[arg-type]
            expected = ks_2samp(*[s[~np.isnan(s)] for s in sides], method="asymp")
            assert shifts[name, fold].statistic == pytest.approx(expected.statistic)
            assert shifts[name, fold].p_value == pytest.approx(expected.pvalue)
    assert shifts["size", "test"].labels == (~np.isnan(labels[plan.indices("test"), 1])).sum()


def test_a_target_without_labels_in_a_fold_has_no_shift() -> None:
    found = report(plan_of(["CCO", "CCN", "CCC"], [0, 1, 2], [1.0, np.nan, 2.0]), ["y"])
    assert [s["statistic"] for s in found.as_dict()["shifts"]] == [None, 1.0]
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["identical"] == []


def test_the_lines_for_a_terminal() -> None:
    smiles = ["CCO", "OCC", "CCN", "CCC", "CCCO"]
    assert report(plan_of(smiles, [0, 2, 1, 0, 2], [1.0, 2.0, 3.0, 4.0, 5.0]), ["y"]).lines() == [
        "molecules           train 2, val 1, test 2",
        "in several folds    1: LFQSCWFLJHTTHZ-UHFFFAOYSA-N (InChIKey)",
        "but for stereo etc. 1: LFQSCWFLJHTTHZ (first 14 characters)",
        "val   to train      median Tanimoto 0.43, 0.0% over 0.9; 0 to 1 by tenths: 0 0 0 0 1 0 0 0 0 0",
        "test  to train      median Tanimoto 0.78, 50.0% over 0.9; 0 to 1 by tenths: 0 0 0 0 0 1 0 0 0 1",
        "val   of y: KS 0.500, p 1 (1 labels)",
        "test  of y: KS 0.500, p 1 (2 labels)",
    ]
