"""The fingerprints of scikit-fingerprints: its own values, in any order of atoms, and a run that uses them."""

import json
import sys
from importlib.metadata import version
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError
from rdkit import Chem
from skfp import fingerprints as theirs

from drugml.config.featurizers import FIXED, FingerprintsSpec, MaccsSpec, SkfpSpec
from drugml.config.standardize import NoStandardization
from drugml.errors import UserError
from drugml.featurizers import FEATURIZERS
from drugml.featurizers import cached as module
from drugml.featurizers.pack import pack
from drugml.prediction.versions import used
from tests.conftest import SMILES, Cli
from tests.test_fingerprints import ODD

NAMES = get_args(SkfpSpec.model_fields["fingerprint"].annotation)
MOLECULES = [*SMILES[::3], *ODD[:7], *ODD[8:]]


def packed(smiles: list[str], spec: Any) -> np.ndarray:
    out = pack(smiles, spec, standardize=NoStandardization(), max_atoms=1000)
    assert out.store is not None
    assert not out.rejects
    return np.asarray(out.store.molecule["fingerprint"])


DIRECT: dict[str, Any] = {
    "secfp": theirs.SECFPFingerprint(),
    "mhfp": theirs.MHFPFingerprint(),
    "lingo": theirs.LingoFingerprint(fp_size=2048, count=True),
    "layered": theirs.LayeredFingerprint(),
    "physicochemical": theirs.PhysiochemicalPropertiesFingerprint(count=True),
    "klekota_roth": theirs.KlekotaRothFingerprint(count=True),
    "laggner": theirs.LaggnerFingerprint(count=True),
    "pubchem": theirs.PubChemFingerprint(),
    "ghose_crippen": theirs.GhoseCrippenFingerprint(count=True),
    "functional_groups": theirs.FunctionalGroupsFingerprint(count=True),
    "mqn": theirs.MQNsFingerprint(),
}


@pytest.mark.parametrize("name", NAMES)
def test_each_is_the_librarys_in_whatever_order_the_atoms_stand(name: str) -> None:
    spec, random = SkfpSpec(fingerprint=name), np.random.default_rng(0)
    # the hydrogens that PubChem's keys count at a dative bond depend on whether the SMILES has brackets there
    smiles = [s for s in MOLECULES if name != "pubchem" or "->" not in s]
    x = packed(smiles, spec)
    assert x.shape == (len(smiles), *spec.widths)
    assert len(np.unique(x, axis=0)) > len(smiles) / 2
    mols = [Chem.MolFromSmiles(s) for s in smiles]
    if name != "map":
        np.testing.assert_array_equal(x, DIRECT[name].transform(mols).clip(max=255))
    shuffled = [Chem.RenumberAtoms(m, random.permutation(m.GetNumAtoms()).tolist()) for m in mols]
    np.testing.assert_array_equal(packed([Chem.MolToSmiles(m, canonical=False) for m in shuffled], spec), x)


def test_map_is_the_librarys_of_the_canonical_order() -> None:
    """The library's own changes with the order; if that ends, take its values as they are."""
    mols = [Chem.MolFromSmiles(Chem.MolToSmiles(Chem.MolFromSmiles(s))) for s in SMILES[::4]]
    orders = [[*Chem.CanonicalRankAtoms(m)] for m in mols]
    ordered = [Chem.RenumberAtoms(m, np.argsort(o).tolist()) for m, o in zip(mols, orders, strict=True)]
    theirs_of = theirs.MAPFingerprint().transform
    x = packed(SMILES[::4], SkfpSpec(fingerprint="map"))
    np.testing.assert_array_equal(x, theirs_of(ordered))
    assert (theirs_of([Chem.RenumberAtoms(m, [*range(m.GetNumAtoms())][::-1]) for m in mols]) != x).any()


def test_lengths() -> None:
    assert FIXED.items() <= {n: SkfpSpec(fingerprint=n).widths[0] for n in NAMES}.items()
    assert packed(SMILES[:3], SkfpSpec(fingerprint="lingo", bits=64)).shape == (3, 64)
    with pytest.raises(ValidationError, match="'pubchem' has 881 columns; leave `bits` out"):
        SkfpSpec(fingerprint="pubchem", bits=1024)


def test_a_bundle_needs_the_package_and_a_cache_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    beside = FingerprintsSpec(parts=(MaccsSpec(), SkfpSpec(fingerprint="mqn")))
    assert "scikit-fingerprints" in used(["forest", *beside.names])
    assert "scikit-fingerprints" not in used(["forest", *MaccsSpec().names])
    keys = {module._key(["C"], s, NoStandardization(), 9) for s in (beside, MaccsSpec())}
    monkeypatch.setattr(module, "version", lambda _: "9.9")
    assert len(keys | {module._key(["C"], s, NoStandardization(), 9) for s in (beside, MaccsSpec())}) == 3


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skfp", None)
    with pytest.raises(UserError, match=r"package scikit-fingerprints is not installed; pip install 'drugml\[skfp\]'"):
        FEATURIZERS.build(SkfpSpec())


def test_a_forest_learns_from_it(small: Any, place: Any, cli: Cli) -> None:
    options = ["featurizer=skfp", "featurizer.fingerprint=mqn", "model.trees=5", "data.split=random"]
    trained = cli("train", small, "--target", "size", "--model", "forest", *options)
    assert trained.code == 0, trained.err
    (bundle,) = (place / "runs").rglob("bundle")
    spec = json.loads((bundle / "spec.json").read_text())
    assert spec["versions"]["scikit-fingerprints"] == version("scikit-fingerprints")
    predicted = cli("predict", bundle, small, "--out", place / "out.csv")
    assert predicted.code == 0, predicted.err
    assert "size_pred" in (place / "out.csv").read_text().splitlines()[0]
