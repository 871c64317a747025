"""The optional C++ featurizer: the same store and the same rejects as without it, or it is not used."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drugml.config.base import Spec
from drugml.config.featurizers import ChempropV2Spec, OgbSpec
from drugml.config.standardize import FastStandardization, NoStandardization
from drugml.data.table import Table
from drugml.featurizers import cuik
from drugml.featurizers import pack as module
from drugml.featurizers.pack import Packed, pack
from tests.conftest import SMILES

DATA = Path(os.environ.get("DRUGML_DATA", "/nonexistent"))
installed = pytest.mark.skipif(
    cuik.extension() is None, reason="the extra drugml[fast] is not installed, or does not fit"
)
ODD = [
    "",
    "junk",
    "CC O",
    " CCO ",
    "c1cccc1",
    "C(C)(C)(C)(C)C",
    "*C",
    "[#0]C",
    "InChI=1S/CH4/h1H4",
    "C[C@H](O)F |o1:1|",
    "Cc1cccc(I)c1-n1c(C)ccc1Br |wU:7.6|",
    "[13CH3]C([2H])=O",
    "[19F]C",
    "N->[Pt](Cl)Cl",
    "[Fe]$C",
    "C~C",
    "C1C[N+]23CCC[N+]4(C1)CC[S-]1[Fe+2]24([SH+]CC3)[S-]2CC[N+]34CCC[N+]5(CCC3)CC[SH+][Fe+2]1254",
    "CC[Mg]Br",
    "C:C",
    "c1ccccc1:c1ccccc1",
    "C1CCCC:CCC1",
    "[Na+]:C",
    "CC(=O)[O-].[Na+]",
    "[U]",
    "[H][H]",
    "[CH2]C[O]",
    "F/C=C/C=C\\F",
    "F[P@TB1](Cl)(Br)(I)C",
    "C" * 41,
    "C",
]


def packed(smiles: list[str], *, accelerate: bool, spec: Spec | None = None, **options: object) -> Packed:
    spec = spec or ChempropV2Spec()
    return pack(smiles, spec, accelerate=accelerate, **{"standardize": NoStandardization(), "max_atoms": 40, **options})


def assert_same(smiles: list[str], **options: object) -> Packed:
    plain, fast = (packed(smiles, accelerate=a, **options) for a in (False, True))
    assert fast.rejects == plain.rejects
    assert [*fast.rejects] == [*plain.rejects]
    assert fast.notes == plain.notes
    if plain.store is None:
        assert fast.store is None
        return fast
    assert fast.store is not None
    left, right = plain.store._arrays(), fast.store._arrays()
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype, name
        np.testing.assert_array_equal(right[name], left[name], err_msg=name)
    return fast


@installed
@pytest.mark.parametrize("batch", [1, 3, 50])
def test_odd_molecules_and_what_is_none_come_out_the_same(
    batch: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cuik, "BATCH", batch)
    for smiles in (ODD, [*ODD, *SMILES], [], ["junk"], ["C"]):
        assert_same(smiles)
    assert capfd.readouterr().err == ""


@installed
@given(st.lists(st.sampled_from([*SMILES, *ODD]), max_size=12), st.integers(1, 5))
def test_any_mixture_comes_out_the_same(smiles: list[str], batch: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuik, "BATCH", batch)
        assert_same(smiles)


@installed
def test_what_it_reads_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cuik.pack_smiles(SMILES, 1000).done == [*range(len(SMILES))]
    monkeypatch.setattr(cuik, "BATCH", 1)
    read = [ODD[i] for i in cuik.pack_smiles(ODD, 40).done]
    usual = {
        " CCO ",
        "CC[Mg]Br",
        "C:C",
        "c1ccccc1:c1ccccc1",
        "C1CCCC:CCC1",
        "C",
        *ODD[ODD.index("CC(=O)[O-].[Na+]") : ODD.index("C" * 41)],
    }
    assert read == [s for s in ODD if s in usual]


@installed
@pytest.mark.skipif(not DATA.is_dir(), reason="real data: set DRUGML_DATA to their folder")
def test_ten_thousand_real_molecules_come_out_the_same() -> None:
    """Salts, metal complexes, stereo, charges and broken SMILES of the NCI's HIV screen and Tox21."""
    tables = [("moleculenet/hiv_41127.csv.gz", 5), ("moleculenet/tox21.csv.gz", 3)]
    smiles = []
    for name, step in tables:
        table = Table(DATA / name)
        smiles += [r.cells[table.columns.index("smiles")] for r in table][::step]
    assert len(smiles) > 10_000
    assert len(assert_same(smiles, max_atoms=100).rejects) > 5


@installed
@pytest.mark.parametrize("what", [{"spec": OgbSpec()}, {"standardize": FastStandardization()}, {"identities": True}])
def test_it_is_used_only_for_what_it_can(what: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_pack_quickly", None)  # whoever uses it fails
    assert packed(SMILES, accelerate=True, **what).store is not None


@pytest.fixture
def forgotten() -> Iterator[None]:
    cuik.extension.cache_clear()
    yield
    cuik.extension.cache_clear()


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize(
    ("pins", "said"),
    [
        (
            ["numpy", "rdkit==2020.9.1"],
            "it is built for RDKit 2020.9.1, and 2030.03.1 is installed; pip install --upgrade 'drugml[fast]'",
        ),
        ([], "it is built for RDKit an unknown version, and 2030.03.1"),
        (["rdkit==2030.3.1"], "cannot be loaded: cuik-molmaker-pin has no module cuik_molmaker_cpp"),
    ],
)
def test_one_that_does_not_fit_is_not_used_and_that_is_said(
    pins: list[str], said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("rdkit.__version__", "2030.03.1")
    monkeypatch.setattr(cuik, "requires", lambda _: pins)
    monkeypatch.setattr(cuik, "find_spec", lambda _: None)
    with caplog.at_level(logging.INFO, "drugml"):
        assert packed(SMILES, accelerate=True).store is not None
        assert packed(SMILES, accelerate=True).store is not None
    (message,) = caplog.messages
    assert "features: without cuik-molmaker" in message
    assert said in message


@pytest.mark.usefixtures("forgotten")
def test_where_it_is_not_installed_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cuik, "PACKAGE", "no-such-package-anywhere")
    with caplog.at_level(logging.INFO, "drugml"):
        assert packed(SMILES, accelerate=True).store is not None
    assert caplog.messages == []
