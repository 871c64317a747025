"""Level `fast`: the C++ functions of RDKit's MolStandardize, each called only where it can do something."""

from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from drugml.config.standardize import FastStandardization
from drugml.data.standardize.notes import charges, parent_notes
from drugml.data.standardize.standardizer import STANDARDIZERS, Level

PLAIN = ("#6v4", "#7v3", "#8v2", "#16v2", "#9v1", "#17v1", "#35v1", "#53v1")
UNUSUAL = Chem.MolFromSmarts("[" + ";".join(f"!{p[:-2]},!{p[-2:]},!+0" for p in PLAIN) + "]")
"""Any atom but uncharged ones of the plainest valence; in a molecule without such an atom no rule of the cleanup
applies; three of four molecules are such."""
ISOTOPE = Chem.MolFromSmarts("[!0*]")
CARBON = Chem.MolFromSmarts("[#6]")
NONMETALS = {5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 52, 53}
CHARGED_OR_LONELY = Chem.MolFromSmarts("[!+0,X0]")
HYDROGEN = Chem.MolFromSmarts("[#1]")


@STANDARDIZERS.register(FastStandardization)
class Fast(Level):
    """RDKit's cleanup, largest organic fragment and uncharger (after MolVS; https://www.rdkit.org/docs).

    Differs from `rdMolStandardize.ChargeParent`: isotopes go first, fragments with carbon are preferred, a molecule
    without carbon is kept whole, charged carbon keeps its charge at reionization, hydrogens take the place of metals,
    and the result is sanitized.
    RDKit's functions of lists of molecules with `numThreads` are not used: they take every step with every molecule
    (`CleanupInPlace` alone costs more than all of this), and processes share the reading of SMILES too.
    """

    kind = "fast"
    packages = ("rdkit",)
    _metals = rdMolStandardize.MetalDisconnector()
    _normalizer = rdMolStandardize.NormalizerFromParams(rdMolStandardize.CleanupParameters())
    _reionizer = rdMolStandardize.Reionizer()
    _uncharger = rdMolStandardize.Uncharger(canonicalOrder=True)
    _largest = rdMolStandardize.LargestFragmentChooser(preferOrganic=True)

    def clean(self, mol: Chem.Mol, notes: list[str]) -> Chem.Mol:
        isotopes = not self.keep_isotopes and mol.HasSubstructMatch(ISOTOPE)
        unusual = mol.HasSubstructMatch(UNUSUAL)
        if not (isotopes or unusual or (self.parent and len(Chem.GetMolFrags(mol)) > 1)):
            return mol
        mol = Chem.Mol(mol)
        if isotopes:
            mol = without_isotopes(mol)
            notes.append("isotope removed")
        if unusual:
            mol = self._cleanup(mol, notes)
        if self.parent:
            mol = self._parent(mol, notes)
        if unusual and self.neutralize and (was := charges(mol)):
            self._uncharger.unchargeInPlace(mol)
            if charges(mol) != was:
                notes.append("neutralized")
        Chem.SanitizeMol(mol)
        Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
        return mol

    def _cleanup(self, mol: Chem.Mol, notes: list[str]) -> Chem.Mol:
        """As `rdMolStandardize.Cleanup`."""
        if mol.HasSubstructMatch(HYDROGEN):
            mol = Chem.RemoveHs(mol)
        mol = self._disconnected(mol, notes)
        was = charges(mol)
        self._normalizer.normalizeInPlace(mol)
        if charges(mol) != was:
            notes.append("functional groups normalized")
        return self._reionized(mol, notes) if mol.HasSubstructMatch(CHARGED_OR_LONELY) else mol

    def _disconnected(self, mol: Chem.Mol, notes: list[str]) -> Chem.Mol:
        """Bonds of metals broken; hydrogens take their place on the other side, however the molecule was written.

        RDKit adds them to `C(=O)[Pd]` but leaves a radical of `[C](=O)[Pd]`, which is how it writes the same molecule.
        """
        done = self._metals.Disconnect(mol)
        if done.GetNumBonds() == mol.GetNumBonds():
            return mol
        for was, now in zip(mol.GetAtoms(), done.GetAtoms(), strict=True):
            if was.GetDegree() != now.GetDegree() and now.GetAtomicNum() in NONMETALS:
                now.SetNoImplicit(False)
        done.UpdatePropertyCache(strict=False)
        notes.append("metal disconnected")
        return done

    def _reionized(self, mol: Chem.Mol, notes: list[str]) -> Chem.Mol:
        """Hydrogen ions moved from the strongest acids, but none to or from carbon.

        In a conjugated ylide the reionizer finds another carbon at each call, and the first by the order of atoms.
        """
        done = self._reionizer.reionize(mol)
        moved = {a for (a,) in set(charges(mol)) ^ set(charges(done))}
        if not moved or any(mol.GetAtomWithIdx(a).GetAtomicNum() == 6 for a in moved):
            return mol
        notes.append("reionized")
        return done

    def _parent(self, mol: Chem.Mol, notes: list[str]) -> Chem.Mol:
        if len(Chem.GetMolFrags(mol)) < 2:
            return mol
        parent = self._largest.choose(mol) if mol.HasSubstructMatch(CARBON) else mol
        notes += parent_notes(mol, parent)
        return parent


def without_isotopes(mol: Chem.Mol) -> Chem.Mol:
    """A copy without isotope labels; hydrogens that only a label made explicit become implicit."""
    mol = Chem.Mol(mol)
    for atom in mol.GetAtoms():
        atom.SetIsotope(0)
    return Chem.RemoveHs(mol)
