"""The choices of `data.standardize`: each does what it says, tautomers end in time, rejects have reasons."""

import time

import pytest
from pydantic import ValidationError
from rdkit import Chem

from drugml.config.load import ConfigError, check
from drugml.config.run import RunSpec
from drugml.config.standardize import SYMBOLS, ChemblStandardization, FastStandardization, NoStandardization
from drugml.data.standardize import STANDARDIZERS, Standard
from drugml.data.status import Reject, Status
from tests.test_standardize import LEVELS, Spec, mol, smiles_of, standard


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("options", "smiles", "expected"),
    [
        ({"parent": False}, "CCCN.Cl", "CCCN.Cl"),
        ({"parent": False}, "CCC[NH3+].[Cl-]", "CCCN.Cl"),
        ({"neutralize": False}, "CCC[NH3+].[Cl-]", "CCC[NH3+]"),
        ({"neutralize": False, "parent": False}, "CCCC(=O)[O-].[Na+]", "CCCC(=O)[O-].[Na+]"),
        ({"neutralize": False}, "CS(C)=O", "C[S+](C)[O-]"),
        ({"isotopes": "keep"}, "[2H]C([2H])([2H])Oc1ccccc1.Cl", "[2H]C([2H])([2H])Oc1ccccc1"),
        ({"isotopes": "keep", "parent": False}, "[13CH3]CO", "[13CH3]CO"),
        ({"parent": False}, "[13CH3]CO.Cl", "CCO.Cl"),
        ({"stereo": "remove"}, "C[C@H](N)C(=O)O", "CC(N)C(=O)O"),
        ({"stereo": "remove"}, "F/C=C\\F", "FC=CF"),
        ({"tautomer": True}, "Oc1ccccn1", "O=c1cccc[nH]1"),
        ({"tautomer": True}, "C[C@H](N)C(=O)O", "C[C@H](N)C(=O)O"),
        ({"tautomer": True}, "C/C(=N\\O)c1ccccc1", "C/C(=N\\O)c1ccccc1"),
        ({"elements": ("C", "N", "O")}, "CCCN.Cl", "CCCN"),
        ({"elements": ("O",)}, "[2H]O[2H]", "O"),
    ],
)
def test_each_choice_does_what_it_says(
    level: type[Spec], options: dict[str, object], smiles: str, expected: str
) -> None:
    assert smiles_of(smiles, level(**options)) == Chem.CanonSmiles(expected)


@pytest.mark.parametrize("level", LEVELS)
def test_choices_leave_their_notes(level: type[Spec]) -> None:
    assert standard("C[C@H](N)C(=O)O", level(stereo="remove")).notes == ("stereo removed",)
    assert standard("CCO", level(stereo="remove", tautomer=True)).notes == ()
    assert standard("Oc1ccccn1", level(tautomer=True)).notes == ("tautomer changed",)


@pytest.mark.parametrize("level", LEVELS)
def test_a_foreign_element_is_a_reject(level: type[Spec]) -> None:
    spec = level(elements=("C", "O"))
    found = STANDARDIZERS.build(spec).standardize([mol("C[Si](C)(C)CF"), mol("CCO")])
    reason = "F, Si: not in data.standardize.elements (C, H, O)"
    assert found[0] == Reject(Status.UNSUPPORTED, reason)
    assert isinstance(found[1], Standard)


def test_what_cannot_be_standardised_is_a_reject_and_costs_no_other_molecule() -> None:
    stannane = (
        "[Cl][Sn]([Cl])([C]12[C]3=[C]4[C]5=[C]1[Fe]45321678[C]2=[C]1[CH]6[C]7=[C]28)"
        "[C]12[C]3=[C]4[C]5=[C]1[Fe]45321678[C]2=[C]1[CH]6[C]7=[C]28"
    )
    found = STANDARDIZERS.build(FastStandardization()).standardize([mol("CCO"), mol(stannane), mol("C")])
    assert isinstance(found[1], Reject)
    assert found[1].status == Status.STANDARDIZER
    assert found[1].reason.startswith("fast standardisation fails: KekulizeException: Can't kekulize mol")
    assert isinstance(found[0], Standard)
    assert isinstance(found[2], Standard)


POLYKETIDE = "O=C1CC(=O)C(C(=O)CC(=O)CC(=O)CC(=O)CC(=O)C)C(=O)C1"  # half a second, stopped by RDKit's limits
PEPTIDE = "CC(=O)N" + "[C@@H](CCCNC(=N)N)C(=O)N" * 40 + "C"  # minutes without any limit


def test_the_search_of_a_tautomer_ends_in_time_and_the_molecule_keeps_its_own() -> None:
    spec = FastStandardization(tautomer=True, tautomer_seconds=0.05)
    start = time.monotonic()
    found = standard(PEPTIDE, spec)
    assert time.monotonic() - start < 5
    assert found.notes == ("tautomer time limit reached",)
    assert Chem.MolToSmiles(found.mol) == Chem.CanonSmiles(PEPTIDE)
    assert standard("Oc1ccccn1", spec).notes == ("tautomer changed",)  # the next one is not late


def test_too_many_tautomers_leave_the_molecule_as_it_was() -> None:
    found = standard(POLYKETIDE, FastStandardization(tautomer=True, tautomer_seconds=60))
    assert found.notes == ("tautomer number limit reached",)
    assert Chem.MolToSmiles(found.mol) == Chem.CanonSmiles(POLYKETIDE)


@pytest.mark.parametrize("pair", [("Oc1ccccn1", "O=c1cccc[nH]1"), ("CC(O)=CC(C)=O", "CC(=O)CC(C)=O")])
def test_two_tautomers_become_one_molecule(pair: tuple[str, str]) -> None:
    for level in LEVELS:
        first, second = (smiles_of(s, level(tautomer=True)) for s in pair)
        assert first == second
        assert smiles_of(first, level(tautomer=True)) == first


def test_elements_are_symbols() -> None:
    table = Chem.GetPeriodicTable()
    assert SYMBOLS.split() == [table.GetElementSymbol(n) for n in range(1, 119)]
    with pytest.raises(ValidationError, match="'cl' is no symbol of an element; did you mean 'Cl'"):
        FastStandardization(elements=("C", "cl"))


def test_the_config_takes_a_level_by_name() -> None:
    start = {"data": {"path": "x.csv", "targets": ["y"]}}
    assert check(RunSpec, start, {(): "x"}).data.standardize == NoStandardization()
    chosen = check(RunSpec, start, {(): "x"}, ["data.standardize=fast", "data.standardize.stereo=remove"])
    assert chosen.data.standardize == FastStandardization(stereo="remove")
    with pytest.raises(ConfigError, match=r"there is no `data.standardize` called 'chembel'; did you mean 'chembl'\?"):
        check(RunSpec, start, {(): "x"}, ["data.standardize=chembel"])


def test_a_standardizer_says_all_that_its_results_depend_on() -> None:
    described = [STANDARDIZERS.build(s).describe() for s in (FastStandardization(), ChemblStandardization())]
    assert [d["versions"].keys() for d in described] == [{"rdkit"}, {"rdkit", "chembl_structure_pipeline"}]
    fields: dict[str, object] = {
        "parent": False,
        "neutralize": False,
        "isotopes": "keep",
        "stereo": "remove",
        "tautomer": True,
        "elements": ("C",),
    }
    assert {*FastStandardization.model_fields} == {*fields, "kind", "tautomer_seconds"}
    others = [STANDARDIZERS.build(FastStandardization(**{k: v})).describe() for k, v in fields.items()]
    others.append(STANDARDIZERS.build(FastStandardization(tautomer=True, tautomer_seconds=2)).describe())
    assert all(d not in others[:i] and d not in described for i, d in enumerate(others))
