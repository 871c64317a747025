"""Level `chembl`: ChEMBL's structure pipeline, as the installed version of its authors' package does it."""

from functools import cache
from typing import Any

from rdkit import Chem

from drugml.config.standardize import ChemblStandardization
from drugml.data.standardize.notes import charge_changes, parent_notes
from drugml.data.standardize.standardizer import STANDARDIZERS, Level

ISOTOPE = Chem.MolFromSmarts("[!0*]")
HYDROGEN = Chem.MolFromSmarts("[#1]")
ISOTOPE_OR_HYDROGEN = Chem.MolFromSmarts("[!0*,#1]")


@cache
def _pipeline() -> Any:
    """ChEMBL's package, imported by whoever uses it: half a second that other predictions need not wait."""
    from chembl_structure_pipeline import standardizer

    return standardizer


@STANDARDIZERS.register(ChemblStandardization)
class Chembl(Level):
    """`standardize_mol` and `get_parent_mol` of Bento et al. 2020 (doi:10.1186/s13321-020-00456-1).

    Differs from calling them: the result is sanitized, and hydrogens are implicit where they can be. By ChEMBL's rules
    a molecule with a metal (or more than seven boron atoms) is not standardized, and one that consists of listed salts
    and solvents is kept whole.
    """

    kind = "chembl"
    packages = ("rdkit", "chembl_structure_pipeline")

    def clean(self, mol: Chem.Mol, notes: list[str]) -> Chem.Mol:
        if _pipeline().exclude_flag(mol, includeRDKitSanitization=False):
            done = Chem.Mol(mol)
            notes.append("metal or boron cluster, not standardized by ChEMBL's rule")
        else:
            done = self._standardized(mol)
            notes += charge_changes(mol, done)
        if not self.keep_isotopes and done.HasSubstructMatch(ISOTOPE_OR_HYDROGEN):
            notes += ["isotope removed"] if done.HasSubstructMatch(ISOTOPE) else []
            done = _pipeline().get_isotope_parent_mol(done)
        if self.parent:
            done = self._parent(done, notes)
        Chem.SanitizeMol(done)
        if done.HasSubstructMatch(HYDROGEN):  # the pipeline keeps those of a centre that lost its label
            done = Chem.RemoveHs(done)
        Chem.AssignStereochemistry(done, cleanIt=True, force=True)
        return done

    def _standardized(self, mol: Any) -> Any:
        """`standardize_mol`, or its steps less `uncharge_mol`."""
        if self.neutralize:
            return _pipeline().standardize_mol(mol, check_exclusion=False)
        mol = _pipeline().update_mol_valences(mol)
        mol = _pipeline().remove_sgroups_from_mol(mol)
        mol = _pipeline().kekulize_mol(mol)
        mol = _pipeline().remove_hs_from_mol(mol)
        mol = _pipeline().normalize_mol(mol)
        mol = _pipeline().flatten_tartrate_mol(mol)
        mol = _pipeline().cleanup_drawing_mol(mol)
        Chem.SanitizeMol(mol)
        return mol

    def _parent(self, mol: Chem.Mol, notes: list[str]) -> Any:
        """`get_parent_mol` less what it does to isotopes."""
        if len(Chem.GetMolFrags(mol)) > 1:
            parent, _ = _pipeline().get_fragment_parent_mol(mol, check_exclusion=True, neutralize=self.neutralize)
            notes += parent_notes(mol, parent)
        elif self.neutralize:
            # it would first read and parse 170 SMARTS, 80% of its time, to find that the only fragment stays
            parent = _pipeline().uncharge_mol(mol)
            notes += charge_changes(mol, parent)
        else:
            parent = mol
        return parent
