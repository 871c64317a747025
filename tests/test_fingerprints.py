"""Contract of every featurizer, and of those that give fingerprints: RDKit's values, any order of atoms, models."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Avalon import pyAvalonTools
from rdkit.Chem import MACCSkeys, rdFingerprintGenerator

from drugml.config.base import Spec
from drugml.config.descriptors import ErgSpec
from drugml.config.featurizers import (
    AtomPairSpec,
    AvalonSpec,
    CountsSpec,
    FeatureMorganSpec,
    FeaturesSpec,
    FingerprintSpec,
    FingerprintsSpec,
    MaccsSpec,
    MorganSpec,
    NoFingerprintSpec,
    PathSpec,
    PatternSpec,
    SkfpSpec,
    TorsionSpec,
)
from drugml.config.models import GpSpec
from drugml.config.standardize import FastStandardization, NoStandardization, StandardizeSpec
from drugml.featurizers import FEATURIZERS
from drugml.featurizers import pack as module
from drugml.featurizers.featurizer import digest
from drugml.featurizers.pack import described, pack
from drugml.models import BASELINES
from tests.conftest import SMILES

ODD = [
    "C",
    "[Xe]",
    "[Na+].[Cl-]",
    "CC(=O)[O-].[Na+]",
    "[13CH4]",
    "[H+].[Cl-]",
    "N->[Pt](Cl)(Cl)<-N",
    "C" * 300,
    "NC(=O)C1c2ccccc2C2OC2c2ccccc21",
    "C[N+]1(C)CC1.[O-]S(=O)(=O)C(F)(F)F",
    "F/C=C/F",
    "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
]
"""Salts, single atoms, zeros in some fingerprints, counts above 255, rings of three, stereo."""
ALL = [*SMILES, *ODD]
KINDS = [spec for spec in FEATURIZERS if issubclass(spec, FingerprintSpec) and spec is not NoFingerprintSpec]
NONE = NoStandardization()
PAIR = ["C[C@H](N)C(=O)NC", "C[C@@H](N)C(=O)NC"]
MANY = FingerprintsSpec(parts=(MaccsSpec(), CountsSpec(bits=32), TorsionSpec(bits=64)))

every_kind = pytest.mark.parametrize("spec", KINDS, ids=lambda s: s.__name__)
every_featurizer = pytest.mark.parametrize("spec", list(FEATURIZERS), ids=lambda s: s.__name__)


def counts(smiles: list[str], spec: Spec, standardize: StandardizeSpec = NONE) -> np.ndarray:
    packed = pack(smiles, spec, standardize=standardize, max_atoms=1000)
    assert packed.store is not None
    assert not packed.rejects
    return np.asarray(packed.store.molecule["fingerprint"])


def generated(name: str, **options: Any) -> Callable[[Chem.Mol], np.ndarray]:
    generator = getattr(rdFingerprintGenerator, f"Get{name}Generator")(**options)
    return lambda mol: generator.GetCountFingerprint(mol).ToList()  # type: ignore[no-any-return]


ROLES = rdFingerprintGenerator.GetMorganFeatureAtomInvGen()
DIRECT = [
    (MorganSpec(), generated("Morgan", radius=2)),
    (FeatureMorganSpec(), generated("Morgan", radius=2, atomInvariantsGenerator=ROLES)),
    (
        FeatureMorganSpec(radius=1, bits=512, chirality=True),
        generated("Morgan", radius=1, fpSize=512, includeChirality=True, atomInvariantsGenerator=ROLES),
    ),
    (AtomPairSpec(), generated("AtomPair")),
    (AtomPairSpec(bits=512, chirality=True), generated("AtomPair", fpSize=512, includeChirality=True)),
    (TorsionSpec(), generated("TopologicalTorsion")),
    (TorsionSpec(bits=512, chirality=True), generated("TopologicalTorsion", fpSize=512, includeChirality=True)),
    (PathSpec(), generated("RDKitFP")),
    (PathSpec(longest=4, bits=512), generated("RDKitFP", maxPath=4, fpSize=512)),
    (AvalonSpec(), lambda mol: pyAvalonTools.GetAvalonCountFP(mol, nBits=1024).ToList()),
    (MaccsSpec(), lambda mol: MACCSkeys.GenMACCSKeys(mol).ToList()[1:]),
    (PatternSpec(bits=512), lambda mol: Chem.PatternFingerprint(mol, fpSize=512).ToList()),
]


@pytest.mark.parametrize(("spec", "direct"), DIRECT, ids=lambda s: described(s) if isinstance(s, Spec) else "")
def test_each_is_rdkits(spec: Spec, direct: Callable[[Chem.Mol], Any]) -> None:
    small = [s for s in ALL if s not in ODD[8:10]]  # a ring of three has torsions of its own, below
    expected = np.array([direct(Chem.MolFromSmiles(s)) for s in small])
    np.testing.assert_array_equal(counts(small, spec), expected.clip(max=255))


def test_every_fingerprint_is_compared_with_rdkit() -> None:
    """`counts` has a test of its own, `skfp` a file."""
    assert {type(spec) for spec, _ in DIRECT} | {CountsSpec, FingerprintsSpec, SkfpSpec} == {*KINDS}


@every_kind
def test_atom_order_does_not_matter(spec: type[FingerprintSpec]) -> None:
    rings = [ODD[8], ODD[9], "N[C@@]1(C(=O)O)CC(=O)[C@@H]2[C@H]1[C@@]2(F)C(=O)O"]
    smiles = [*SMILES[::4], *ODD[:8], *ODD[10:], *(rings if spec is not CountsSpec else [])]  # its torsions are older
    random = np.random.default_rng(0)
    for options in [{}, {"chirality": True}] if "chirality" in spec.model_fields else [{}]:
        whole = counts(smiles, spec(**options))
        for _ in range(3):
            shuffled = []
            for s in smiles:
                mol = Chem.MolFromSmiles(s)
                order = random.permutation(mol.GetNumAtoms()).tolist()
                shuffled.append(Chem.MolToSmiles(Chem.RenumberAtoms(mol, order), canonical=False))
            np.testing.assert_array_equal(counts(shuffled, spec(**options)), whole)


def test_torsions_of_a_ring_of_three_are_rdkits_of_some_order_of_atoms() -> None:
    generator = rdFingerprintGenerator.GetTopologicalTorsionGenerator(fpSize=2048)
    mol = Chem.MolFromSmiles(ODD[8])
    random = np.random.default_rng(0)
    found = [
        generator.GetCountFingerprintAsNumPy(
            Chem.RenumberAtoms(mol, random.permutation(mol.GetNumAtoms()).tolist())
        ).tolist()
        for _ in range(30)
    ]
    assert len({*map(tuple, found)}) > 1, "RDKit no longer depends on the order: read all molecules as they are"
    assert counts([ODD[8]], TorsionSpec())[0].tolist() in found


@every_kind
def test_stereocentres_count_if_asked_also_without_cip_labels(spec: type[FingerprintSpec]) -> None:
    if "chirality" not in spec.model_fields:
        np.testing.assert_array_equal(*counts(PAIR, spec()))
        return
    first, second = counts(PAIR, spec(chirality=True))
    assert (first != second).any()
    np.testing.assert_array_equal(*counts(PAIR, spec(chirality=False)))
    salts = [f"{s}.Cl" for s in PAIR]
    np.testing.assert_array_equal(counts(salts, spec(chirality=True), FastStandardization()), [first, second])
    mols = [Chem.MolFromSmiles(s, sanitize=False) for s in PAIR]
    for mol in mols:
        Chem.SanitizeMol(mol)  # unlike the parser, it gives no labels
    store = FEATURIZERS.build(spec(chirality=True)).pack(mols)
    np.testing.assert_array_equal(store.molecule["fingerprint"], [first, second])


@every_kind
def test_widths_are_those_of_what_is_stored(spec: type[FingerprintSpec]) -> None:
    x = counts(ALL[-12:], spec())
    widths = spec().widths
    assert x.dtype == np.uint8
    assert x.shape[1] == sum(widths)
    assert FEATURIZERS.build(spec()).describe().get("widths", [sum(widths)]) == [*widths]


@every_featurizer
def test_a_description_is_json_and_changes_with_every_option(spec: type[Spec]) -> None:
    parts = (MaccsSpec(), MorganSpec(radius=3))
    others: dict[str, Any] = {"radius": 3, "bits": 64, "longest": 3, "parts": parts, "descriptors": (ErgSpec(),)}
    others |= {"source": "file", "conformers": 2, "optimize": "mmff", "seed": 1, "time_limit": 5}
    others |= {"atoms": ("charge",), "bonds": ("ring",), "fingerprint": "lingo"}
    specs = [spec()]
    options = spec().kwargs()
    del options["descriptor_scale"]  # what networks make of them: features and their cache are the same
    for name, default in options.items():
        specs.append(spec(**{name: not default if isinstance(default, bool) else others[name]}))
    said = [FEATURIZERS.build(s).describe() for s in specs]
    assert [json.loads(json.dumps(d)) for d in said] == said
    assert len({*map(digest, said)}) == len(said)
    assert FEATURIZERS.build(spec(descriptor_scale="standard")).describe() == said[0]


def test_no_two_featurizers_describe_the_same() -> None:
    others = [spec for spec in FEATURIZERS if spec is not FeaturesSpec]  # which is OGB's until its lists are written
    said = [digest(FEATURIZERS.build(spec()).describe()) for spec in others]
    assert len({*said}) == len(said)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (MorganSpec(), "6756dea28d6b"),
        (MorganSpec(radius=3, bits=64, chirality=True), "3a353420790d"),
        (CountsSpec(), "e58684da7ff1"),
    ],
    ids=lambda s: described(s) if isinstance(s, Spec) else "",
)
def test_what_older_bundles_were_made_with_is_known_again(spec: Spec, expected: str) -> None:
    assert digest(FEATURIZERS.build(spec).describe()).startswith(expected)


def test_chunks_and_processes_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    every = FingerprintsSpec(parts=tuple(spec() for spec in KINDS if spec is not FingerprintsSpec))
    whole = counts(ALL, every)
    monkeypatch.setattr(module, "CHUNK", 11)
    monkeypatch.setattr(module, "WORTH_A_POOL", 1)
    parts = pack(ALL, every, standardize=NONE, max_atoms=1000, workers=2).store
    assert parts is not None
    np.testing.assert_array_equal(parts.molecule["fingerprint"], whole)
    apart = np.concatenate([counts(ALL, part) for part in every.parts], axis=1)
    np.testing.assert_array_equal(whole, apart)


def test_parts_may_lie_side_by_side_themselves() -> None:
    description = FEATURIZERS.build(MANY).describe()
    assert description["widths"] == [166, 32, 32, 32, 64]
    assert [part["generator"] for part in description["parts"]] == [
        "rdkit.maccs",
        "rdkit.counts",
        "rdkit.torsion.counts.canonical",
    ]
    assert described(MANY) == "fingerprints parts=[maccs, counts bits=32, torsion bits=64]"


@pytest.mark.parametrize("model", list(BASELINES), ids=lambda s: s.__name__)
def test_every_baseline_runs_on_each(model: type[Spec]) -> None:
    few = {"trees": 2, "rounds": 2}
    spec = model(**{k: v for k, v in few.items() if k in model.model_fields})
    lengths = np.array([[float(len(s))] for s in SMILES[:20]])
    kinds = [k(bits=16) if "bits" in k.model_fields else k() for k in KINDS if k is not FingerprintsSpec]
    for n, kind in enumerate([*kinds, MANY]):
        x, classify = counts(SMILES[:20], kind), n % 2 == 0
        baseline = BASELINES.build(spec)
        y = (lengths > 3).astype(float) if classify else lengths
        baseline.fit(x, y, np.ones_like(y), widths=[*kind.widths], classify=classify, seed=0)
        assert np.isfinite(baseline.predict(x)).all(), kind.name  # type: ignore[attr-defined]


def test_the_kernel_compares_each_part_by_itself() -> None:
    x, y = counts(SMILES, MANY), np.array([[float(len(s))] for s in SMILES])
    model = BASELINES.build(GpSpec())
    model.fit(x, y, np.ones_like(y), widths=[*MANY.widths], classify=False, seed=0)
    assert model.arrays()["widths"].tolist() == [166, 32, 32, 32, 64]
