"""Packing SMILES: in parallel, from the cache, around what is broken; the store equals molecule by molecule."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from drugml.config.base import Spec
from drugml.config.featurizers import ChempropV2Spec, MorganSpec, OgbSpec
from drugml.config.standardize import ChemblStandardization, FastStandardization, NoStandardization, StandardizeSpec
from drugml.data import prints
from drugml.data.elements import bits, bits_by_atom, bits_of_symbols, symbols, together
from drugml.data.facts import inspect
from drugml.data.status import Status
from drugml.data.store import PackedStore, select
from drugml.featurizers import FEATURIZERS
from drugml.featurizers import cached as cached_module
from drugml.featurizers import pack as module
from drugml.featurizers.cached import pack_cached
from drugml.featurizers.graph import ChempropV2
from drugml.featurizers.pack import pack
from tests.conftest import SMILES

MIXED = [*SMILES[:20], "junk", "", *SMILES[20:40], "[Na+].[Cl-]", "C", "c1ccccc1(C)(C)C", *SMILES[40:], "[Xe]"]
SPECS = [ChempropV2Spec(), OgbSpec(), MorganSpec(bits=64)]


def assert_equal(a: PackedStore | None, b: PackedStore | None) -> None:
    assert a is not None
    assert b is not None
    left, right = a._arrays(), b._arrays()
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.name)
def test_chunks_and_processes_change_nothing(monkeypatch: pytest.MonkeyPatch, spec: object) -> None:
    whole = pack(MIXED, spec, standardize=NoStandardization(), max_atoms=1000, identities=True)
    monkeypatch.setattr(module, "CHUNK", 7)
    monkeypatch.setattr(module, "WORTH_A_POOL", 1)
    for workers in (1, 2):
        parts = pack(MIXED, spec, standardize=NoStandardization(), max_atoms=1000, identities=True, workers=workers)
        assert_equal(parts.store, whole.store)
        assert parts.rejects == whole.rejects
    assert sorted(whole.rejects) == [20, 21, 44]


@pytest.mark.parametrize(
    "level", [NoStandardization(), FastStandardization(), ChemblStandardization()], ids=lambda s: s.kind
)
def test_the_facts_are_those_of_the_molecules_as_they_are_written(level: StandardizeSpec) -> None:
    texts = [*MIXED, "C[NH2+]CCc1ccccc1.[Cl-]", "N[C@@H](C)C(=O)O |&1:1|"]
    packed = pack(texts, ChempropV2Spec(), standardize=level, max_atoms=1000, identities=True)
    assert packed.store is not None
    written = [s for i, s in enumerate(texts) if i not in packed.rejects]
    looked = inspect(written, max_atoms=1000, identities=False, workers=1)
    assert np.array_equal(packed.store.molecule["facts"], looked.facts)
    assert looked.facts["stereo_groups"].sum() == 1
    assert looked.facts["fragments"][-2] == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_fingerprints_that_come_along_are_those_of_the_molecules_as_they_are_written(
    monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    texts = [*MIXED, "C[NH2+]CCc1ccccc1.[Cl-]", "InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3"]
    good = [s for i, s in enumerate(texts) if i not in (20, 21, 44)]
    monkeypatch.setattr(prints, "_kept", {})
    alone = prints.fingerprints(good).packed
    monkeypatch.setattr(prints, "_kept", {})
    monkeypatch.setattr(module, "CHUNK", 7)
    monkeypatch.setattr(module, "WORTH_A_POOL", 1)
    options = {"max_atoms": 1000, "workers": workers, "identities": True}
    packed = pack(texts, MorganSpec(bits=64), standardize=FastStandardization(), **options)
    assert packed.store is not None
    assert {*packed.store.molecule} == {"fingerprint", "elements", "inchikey", "scaffold", "facts"}
    assert {*prints._kept} == {*good}
    monkeypatch.setattr(prints, "_packed", lambda smiles: np.zeros((len(smiles), 0), np.uint8))  # none are made
    np.testing.assert_array_equal(prints.fingerprints(good).packed, alone)
    monkeypatch.setattr(prints, "_kept", {})
    monkeypatch.setattr(module, "KEPT", 5)
    pack(texts, MorganSpec(bits=64), standardize=FastStandardization(), **options)
    assert prints._kept == {}


@pytest.mark.parametrize("spec", [*SPECS, None], ids=lambda s: s.name if s else "none")
def test_the_elements_are_those_of_the_standard_molecules(spec: Spec | None) -> None:
    texts = ["CCO", "CC(=O)[O-].[Na+]", "C[Hg]C", "[2H]C", "c1ccccc1I", "CB(N)Cl", "[H][H]", "[Og]", "junk"]
    store = pack(texts, spec, standardize=FastStandardization(), max_atoms=1000).store
    assert store is not None
    assert [symbols(held) for held in store.molecule["elements"]] == [
        ["C", "O"],
        ["C", "O"],
        ["C", "Hg"],
        ["C"],
        ["C", "I"],
        ["B", "C", "N", "Cl"],
        [],
        ["Og"],
    ]
    assert together(store.molecule["elements"]) == ["B", "C", "N", "O", "Cl", "I", "Hg", "Og"]
    assert together(store.molecule["elements"][:0]) == []


@given(st.sets(st.integers(1, 118)))
def test_elements_are_bits_and_names_one_way_and_the_other(numbers: set[int]) -> None:
    own = [n for n in sorted(numbers) if n != 1]
    symbol = Chem.GetPeriodicTable().GetElementSymbol
    held = np.array(bits(own), np.uint8)
    assert symbols(held) == [symbol(n) for n in own]
    assert np.array_equal(bits_of_symbols(symbols(held)), held)
    atoms = np.array(sorted(numbers), np.int64)
    assert np.array_equal(bits_by_atom(atoms, np.ones_like(atoms), 2), [np.zeros_like(held), held])


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.name)
def test_a_selection_is_what_packing_it_alone_gives(spec: object) -> None:
    store = pack(SMILES, spec, standardize=NoStandardization(), max_atoms=1000).store
    assert store is not None
    at = np.array([5, 3, 3, 59, 0])
    alone = pack([SMILES[i] for i in at], spec, standardize=NoStandardization(), max_atoms=1000).store
    assert_equal(select(store, at), alone)


def cached(
    folder: Path, smiles: list[str] = MIXED, spec: object = ChempropV2Spec(), **options: object
) -> module.Packed:
    return pack_cached(
        smiles, spec, cache=folder, **{"standardize": NoStandardization(), "max_atoms": 1000, "workers": 1, **options}
    )


def test_the_cache_gives_back_what_was_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cached(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(cached_module, "packing", None)  # whoever packs again fails
        again = cached(tmp_path)
    assert_equal(again.store, first.store)
    assert again.rejects == first.rejects
    assert isinstance(again.store.atom["codes"], np.memmap)  # type: ignore[union-attr]


def test_the_cache_is_keyed_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def entries() -> int:
        return len([*(tmp_path / "stores").iterdir()])

    cached(tmp_path)
    cached(tmp_path)
    assert entries() == 1
    cached(tmp_path, MIXED[::-1])
    cached(tmp_path, spec=OgbSpec())
    cached(tmp_path, max_atoms=5)
    assert entries() == 4
    cached(tmp_path, standardize=FastStandardization())
    cached(tmp_path, standardize=FastStandardization(stereo="remove"))
    cached(tmp_path, standardize=ChemblStandardization())
    assert entries() == 7
    monkeypatch.setattr("rdkit.__version__", "another")
    cached(tmp_path)
    assert entries() == 8


@pytest.mark.parametrize("damage", ["cut", "missing", "meta", "foreign"])
def test_a_damaged_cache_is_packed_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    first = cached(tmp_path)
    (folder,) = (tmp_path / "stores").iterdir()
    codes = folder / "atom.codes.npy"
    if damage == "cut":
        codes.write_bytes(codes.read_bytes()[:-10])
    elif damage == "missing":
        codes.unlink()
    elif damage == "meta":
        (folder / "store.json").write_text("{")
    else:
        np.save(codes, np.zeros((3, 7), np.uint8))
    again = cached(tmp_path)
    assert_equal(again.store, first.store)
    assert f"features: the cached store {folder} is damaged" in caplog.text
    assert json.loads((folder / "store.json").read_text())["arrays"]


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert cached(tmp_path / "file").store is not None
    assert "features: not cached, " in caplog.text


def test_a_molecule_whose_features_fail_costs_no_other_row(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ChempropV2.pack

    def chokes(self: ChempropV2, mols: list[Chem.Mol]) -> PackedStore:
        if any(m.HasSubstructMatch(Chem.MolFromSmarts("[Xe]")) for m in mols):
            raise RuntimeError("too noble\nand more")
        return whole(self, mols)

    monkeypatch.setattr(ChempropV2, "pack", chokes)
    packed = pack(MIXED, ChempropV2Spec(), standardize=NoStandardization(), max_atoms=1000, accelerate=False)
    last = len(MIXED) - 1
    assert packed.rejects[last] == (Status.FEATURIZER, "its features fail: RuntimeError: too noble")
    assert sorted(packed.rejects) == [20, 21, 44, last]
    monkeypatch.undo()
    assert_equal(
        packed.store, pack(MIXED[:-1], ChempropV2Spec(), standardize=NoStandardization(), max_atoms=1000).store
    )


def test_features_are_registered_once() -> None:
    with pytest.raises(TypeError, match="featurizer OgbSpec is already built by Ogb"):
        FEATURIZERS.register(OgbSpec)(object)


FORMS = ["C[NH2+]CCc1ccccc1.[Cl-]", "CNCCc1ccccc1", "junk", "C[C@H](N)C(=O)O", "[2H]C([2H])([2H])NCCc1ccccc1.O"]


@pytest.mark.parametrize("level", [FastStandardization(), ChemblStandardization()], ids=lambda s: s.kind)
def test_what_is_packed_is_the_standard_molecule(
    level: StandardizeSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = cached(tmp_path, FORMS, standardize=level)
    parent = pack(
        ["CNCCc1ccccc1"] * 3, ChempropV2Spec(), standardize=NoStandardization(), max_atoms=99, identities=True
    )
    assert packed.store is not None
    assert packed.store.molecule["facts"]["fragments"].tolist() == [2, 1, 1, 2]  # of what is written
    alike = select(packed.store, np.array([0, 1, 3]))
    assert parent.store is not None
    alike.molecule["facts"][:] = parent.store.molecule["facts"]  # type: ignore[index]
    assert_equal(alike, parent.store)
    salt = ["stripped: [Cl-]", "neutralized"] if level.kind == "fast" else ["neutralized", "stripped: Cl"]
    assert packed.notes == {0: "; ".join(salt), 4: "isotope removed; stripped: O"}
    assert [*packed.rejects] == [2]
    monkeypatch.setattr(cached_module, "packing", None)  # whoever packs again fails
    assert cached(tmp_path, FORMS, standardize=level).notes == packed.notes


def test_notes_keep_their_positions_over_chunks_and_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"standardize": FastStandardization(), "max_atoms": 1000, "identities": True}
    smiles = [f"{s}.Cl" if i % 3 == 0 else s for i, s in enumerate(MIXED)]
    whole = pack(smiles, MorganSpec(bits=64), **options)
    salts = {i for i, text in whole.notes.items() if "stripped: Cl" in text}
    assert salts == {i for i in range(0, len(smiles), 3) if i not in whole.rejects} - {42}  # [Na+].[Cl-].Cl
    monkeypatch.setattr(module, "CHUNK", 7)
    monkeypatch.setattr(module, "WORTH_A_POOL", 1)
    for workers in (1, 2):
        parts = pack(smiles, MorganSpec(bits=64), **options, workers=workers)
        assert_equal(parts.store, whole.store)
        assert parts[1:] == whole[1:]


def test_the_size_is_checked_before_and_after_standardisation(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"standardize": FastStandardization(), "max_atoms": 8}
    packed = pack(["CCCCCCC.CCO", "CCCCCCO.O"], MorganSpec(bits=64), **options)
    assert packed.rejects == {0: (Status.TOO_LARGE, "10 heavy atoms, more than data.max_atoms = 8")}

    def grown(self: object, mol: Chem.Mol, notes: list[str]) -> Chem.Mol:
        return Chem.MolFromSmiles("C" * 9)

    monkeypatch.setattr("drugml.data.standardize.fast.Fast.clean", grown)
    packed = pack(["CC"], MorganSpec(bits=64), **options)
    assert packed.rejects == {0: (Status.TOO_LARGE, "9 heavy atoms, more than data.max_atoms = 8")}


def test_long_work_says_how_far_it_is(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 20)
    options = {"standardize": NoStandardization(), "max_atoms": 1000}
    with caplog.at_level("INFO", "drugml"):
        pack(SMILES, MorganSpec(bits=64), **options)
        assert caplog.messages == []
        monkeypatch.setattr("drugml.data.progress.EVERY", 0)
        pack(SMILES, MorganSpec(bits=64), **options)
    assert [m.split(",")[0] for m in caplog.messages] == [f"{n} of 60 molecules prepared" for n in (20, 40)]
