"""Descriptors: RDKit's values, ranks among training molecules, models that learn from them, and what is refused."""

import json
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import Descriptors, rdReducedGraphs
from scipy.stats import norm, rankdata, zscore

from drugml.config.base import Spec
from drugml.config.descriptors import MordredSpec
from drugml.config.dump import to_yaml
from drugml.config.featurizers import MorganSpec, OgbSpec
from drugml.config.load import ConfigError, load
from drugml.config.run import RunSpec
from drugml.config.standardize import NoStandardization
from drugml.errors import UserError
from drugml.featurizers import DESCRIPTORS, FEATURIZERS
from drugml.featurizers import pack as module
from drugml.featurizers.descriptors import NAMES
from drugml.featurizers.featurizer import LARGEST, Unfit, WithDescriptors
from drugml.featurizers.mordred import _calculator
from drugml.featurizers.pack import described, pack
from drugml.models.normalizer import KNOTS, Normalizer, StandardScores
from drugml.prediction.bundle import load as load_bundle
from tests.conftest import SMILES
from tests.test_predict import make_bundle

MOLS = [Chem.MolFromSmiles(s) for s in [*SMILES[:12], "C", "CC(=O)[O-].[Na+]", "[2H]C", "C" * 60]]
every = pytest.mark.parametrize("spec", list(DESCRIPTORS), ids=lambda s: s.__name__)


def read(folder: Path, *overrides: str) -> RunSpec:
    path = folder / "r.yaml"
    path.write_text("data: {path: t.csv, targets: [y]}\n")
    return load(RunSpec, path, overrides)


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    store = pack(SMILES, MorganSpec(descriptors=("rdkit",)), standardize=NoStandardization(), max_atoms=99).store
    assert store is not None
    return np.asarray(store.molecule["descriptors"])


def test_rdkits_are_rdkits_by_name() -> None:
    found = DESCRIPTORS.build(MorganSpec(descriptors=("rdkit",)).descriptors[0]).compute(MOLS)
    for row, mol in zip(found, MOLS, strict=True):
        expected = Descriptors.CalcMolDescriptors(mol, missingVal=np.nan)
        np.testing.assert_allclose(row, [expected[name] for name in NAMES], rtol=1e-6)


def test_erg_is_rdkits() -> None:
    found = DESCRIPTORS.build(MorganSpec(descriptors=("erg",)).descriptors[0]).compute(MOLS)
    np.testing.assert_array_equal(found, [rdReducedGraphs.GetErGFingerprint(mol) for mol in MOLS])


def test_mordreds_are_mordreds() -> None:
    from mordred import Calculator, descriptors

    calculator = Calculator(descriptors, ignore_3D=True)
    found = DESCRIPTORS.build(MordredSpec()).compute(MOLS[:3])
    for row, mol in zip(found, MOLS, strict=False):
        expected = calculator(mol).fill_missing(np.nan)
        np.testing.assert_array_equal(row, np.array([float(v) for v in expected]))


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _calculator.cache_clear()
    monkeypatch.setitem(sys.modules, "mordred", None)
    with pytest.raises(UserError, match=r"mordredcommunity is not installed; pip install 'drugml\[mordred\]'$"):
        DESCRIPTORS.build(MordredSpec())


@every
def test_they_are_as_wide_as_named_and_say_what_they_are(spec: type[Spec]) -> None:
    made = DESCRIPTORS.build(spec())
    assert made.compute(MOLS[:2]).shape == (2, len(made.names))
    assert made.compute([]).shape == (0, len(made.names))
    assert len({*made.names}) == len(made.names) == spec.width  # type: ignore[attr-defined]
    assert json.loads(json.dumps(made.describe())) == made.describe()


@every
def test_atom_order_does_not_matter(spec: type[Spec]) -> None:
    made, random = DESCRIPTORS.build(spec()), np.random.default_rng(0)
    mols = MOLS[: 15 if spec is not MordredSpec else 5]  # Mordred is slow
    whole = made.compute(mols)
    shuffled = [Chem.RenumberAtoms(m, random.permutation(m.GetNumAtoms()).tolist()) for m in mols]
    np.testing.assert_allclose(made.compute(shuffled), whole, rtol=1e-4, atol=1e-6)


def test_processes_change_nothing(values: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORTH_A_POOL", 10 * len(SMILES))
    monkeypatch.setattr(module, "CHUNK", 200)
    started: list[int] = []
    mapped = module.mapped

    def counted(job: Any, chunks: list[Any], workers: int) -> Any:
        started.extend([len(chunks), workers])
        return mapped(job, chunks, workers)

    monkeypatch.setattr(module, "mapped", counted)
    spec = MorganSpec(descriptors=("rdkit",))
    store = pack(SMILES, spec, standardize=NoStandardization(), max_atoms=99, workers=2).store
    assert store is not None
    assert started == [3, 2]  # a tenth of the molecules is worth processes, and a chunk
    np.testing.assert_array_equal(store.molecule["descriptors"], values)


def test_a_value_beyond_32_bits_is_cut_and_an_undefined_one_is_nan() -> None:
    long = "C1CC1" * 50  # its Ipc has more than 50 digits
    spec = MorganSpec(descriptors=("rdkit",))
    packed = pack([long, "[Na+].[Cl-]", "C" * 151], spec, standardize=NoStandardization(), max_atoms=1000)
    assert packed.store is not None
    found = dict(zip(NAMES, packed.store.molecule["descriptors"].T, strict=True))
    assert found["Ipc"][0] == np.float32(LARGEST)
    assert np.isfinite(packed.store.molecule["descriptors"][0]).all()
    assert np.isnan(found["BCUT2D_MWHI"][1])
    assert [n for n in NAMES if np.isnan(found[n][2])] == ["AvgIpc", "Ipc"]
    assert found["MolWt"][1] == pytest.approx(58.44, abs=0.01)


class NotOfGold:
    """Descriptors of which gold has none."""

    names = ("a", "b", "c")

    def describe(self) -> dict[str, str]:
        return {"of": "a test"}

    def compute(self, mols: Sequence[Chem.Mol]) -> np.ndarray:
        gold = np.array([any(a.GetSymbol() == "Au" for a in m.GetAtoms()) for m in mols])
        return np.where(gold[:, None], [0.0, np.nan, np.nan], 1.0)


def test_a_molecule_that_breaks_most_of_them_is_refused_by_name() -> None:
    featurizer = WithDescriptors(FEATURIZERS.build(MorganSpec()), [NotOfGold()])
    assert featurizer.pack([MOLS[0]]).molecule["descriptors"].tolist() == [[1, 1, 1]]
    with pytest.raises(Unfit, match=r"^2 of 3 descriptors of \[Au\] are undefined, such as b$"):
        featurizer.pack([MOLS[0], Chem.MolFromSmiles("[Au]")])


def test_ranks_are_those_of_scipy(values: np.ndarray) -> None:
    normalizer = Normalizer(values.shape[1])
    many = np.tile(values, (KNOTS, 1))[: KNOTS * 30]  # each value many times: every knot is one of them
    normalizer.fit(many)
    z = normalizer(torch.from_numpy(values)).numpy()
    assert np.isfinite(z).all()
    for column, found, known in zip(values.T, z.T, many.T, strict=True):
        if np.isnan(column).any() or np.ptp(column) == 0:
            continue
        rank = (rankdata(known)[: len(column)] - 0.5) / len(known)
        np.testing.assert_allclose(norm.cdf(found), rank, atol=2.5 / KNOTS)


def test_what_is_unknown_or_never_varied_is_zero_and_outliers_end_at_the_extremes() -> None:
    normalizer = Normalizer(3)
    normalizer.fit(np.array([[1, 5, np.nan], [2, 5, np.nan], [3, 5, np.nan]], np.float32))
    z = normalizer(
        torch.tensor([[1e37, 7.0, 1.0], [-1e37, 5.0, 2.0], [float("nan"), 4.0, float("nan")], [2.0, 5.0, 0.0]])
    )
    end = norm.ppf(1 - 0.5 / KNOTS)
    np.testing.assert_allclose(z, [[end, 0, 0], [-end, 0, 0], [0, 0, 0], [0, 0, 0]], atol=1e-5)


def test_a_count_that_is_zero_nearly_always_stays_near_zero() -> None:
    column = np.zeros((1000, 1), np.float32)
    column[:10] = 1
    normalizer = Normalizer(1)
    normalizer.fit(column)
    zero, one = normalizer(torch.tensor([[0.0], [1.0]]))[:, 0].tolist()
    assert abs(zero) < 0.05
    assert one > 2


def test_standard_scores_are_those_of_scipy_within_the_range_of_training(values: np.ndarray) -> None:
    scores = StandardScores(values.shape[1])
    scores.fit(values)
    z = scores(torch.from_numpy(values)).numpy()
    varies = np.nanmax(values, axis=0) > np.nanmin(values, axis=0)
    known = zscore(values[:, varies].astype(np.float64), axis=0, nan_policy="omit")
    np.testing.assert_allclose(z[:, varies], np.nan_to_num(known), atol=1e-4)
    assert not z[:, ~varies].any()
    beyond = scores(torch.full((1, values.shape[1]), LARGEST)).numpy()[0]
    np.testing.assert_allclose(beyond, z.max(axis=0), atol=1e-5)


def test_standard_scores_of_what_is_unknown_or_never_varied_are_zero() -> None:
    scores = StandardScores(4)
    train = np.array([[0.1, 1, np.nan, -LARGEST], [0.1, np.nan, np.nan, LARGEST], [0.1, 3, np.nan, 0]], np.float32)
    scores.fit(train)
    z = scores(torch.tensor([[7.0, float("nan"), 1.0, LARGEST], [-7.0, 3.0, float("nan"), 0.0]]))
    np.testing.assert_allclose(z, [[0, 0, 0, 1.5**0.5], [0, 1, 0, 0]], atol=1e-6)


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("mlp", ["model.hidden_dim=16"]),
        ("mlp", ["model.hidden_dim=16", "featurizer=none", "featurizer.descriptors=[erg, rdkit]"]),
        ("dmpnn", ["model.hidden_dim=16", "featurizer.descriptors=rdkit"]),
        ("mlp", ["model.hidden_dim=16", "featurizer.descriptor_scale=standard"]),
        ("forest", ["model.trees=5", "featurizer.descriptors=[rdkit]"]),
        ("boosting", ["model.trees=5", "featurizer=none", "featurizer.descriptors=[rdkit]"]),
    ],
)
def test_models_learn_from_them_and_are_kept_with_them(tmp_path: Path, model: str, more: list[str]) -> None:
    predictor = load_bundle(make_bundle(tmp_path, model, *more))
    values, rejects, *_ = predictor.predict([*SMILES[:3], "[Na+].[Cl-]", "junk"])
    assert np.isfinite(values[:4]).all()
    assert [*rejects] == [4]
    assert "descriptors" in predictor.spec.features


def test_they_stand_in_files_and_overrides(tmp_path: Path) -> None:
    assert read(tmp_path, "model=gin", "featurizer.descriptors=rdkit").with_featurizer().featurizer == OgbSpec(
        descriptors=("rdkit",)
    )
    assert read(tmp_path, "model=mlp").with_featurizer().featurizer == MorganSpec(descriptors=("rdkit",))
    run = read(tmp_path, "model=mlp", "featurizer.descriptors=none").with_featurizer()
    assert run.featurizer == MorganSpec()
    run = read(tmp_path, "model=mlp", "featurizer.descriptor_scale=standard").with_featurizer()
    assert run.featurizer == MorganSpec(descriptors=("rdkit",), descriptor_scale="standard")
    run = read(tmp_path, "model=mlp", "featurizer=none", "featurizer.descriptors=[rdkit, {name: erg}]")
    assert described(run.featurizer) == "none descriptors=[rdkit, erg]"
    (tmp_path / "r.yaml").write_text(to_yaml(run))
    assert load(RunSpec, tmp_path / "r.yaml") == run


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["featurizer.descriptors=[rdkti]"],
            "there is no `featurizer.descriptors.0` called 'rdkti'; did you mean 'rdkit'?",
        ),
        (
            ["featurizer.descriptors=3"],
            "`featurizer.descriptors`: expected a list such as [rdkit, erg], or none, found 3",
        ),
        (["featurizer.descriptors=[erg, erg]"], "'erg' is named more than once; leave one out"),
        (
            ["model=gp", "featurizer.descriptors=rdkit"],
            "model 'gp' has no use for featurizer.descriptors; leave them out, or use a model that learns from numbers",
        ),
        (["model=mlp", "train.batch_atoms=1000"], "train.batch_atoms: model 'mlp' sees no atoms; use train.batch_size"),
        (
            ["model=mlp", "featurizer=none"],
            "featurizer 'none' leaves nothing to learn from; add descriptors, such as featurizer.descriptors=rdkit",
        ),
        (
            ["model=mlp", "featurizer=fingerprints", "featurizer.parts=[{name: maccs, descriptors: [erg]}]"],
            "'maccs' has descriptors of its own; name them once, in featurizer.descriptors",
        ),
        (
            ["model=mlp", "featurizer=fingerprints", "featurizer.parts=[{name: maccs, descriptor_scale: standard}]"],
            "'maccs' has a descriptor_scale of its own; set it once, in the featurizer",
        ),
        (
            ["model=forest", "featurizer.descriptors=rdkit", "featurizer.descriptor_scale=standard"],
            "featurizer.descriptor_scale = 'standard' is for networks that get descriptors; leave it out, or set "
            "featurizer.descriptors and a network (model is 'forest')",
        ),
        (["model=gin", "featurizer.descriptor_scale=standard"], "is for networks that get descriptors; leave it out"),
    ],
)
def test_what_is_wrong_is_explained(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, *overrides)
    assert message in str(error.value)


def test_what_is_undefined_is_told_and_the_training_median_stands_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        predictor = load_bundle(make_bundle(tmp_path, "forest", "model.trees=3", "featurizer.descriptors=[rdkit]"))
    assert re.search(
        r"descriptors: \d of 217 are undefined for up to \d training molecules, such as \w+; these count as the middle "
        "of the others",
        caplog.text,
    )
    fill = predictor.trained.fill  # type: ignore[attr-defined]
    assert fill.shape == (len(NAMES),)
    assert fill[NAMES.index("MolWt")] > 30
