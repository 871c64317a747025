"""A mol block as SMILES, or the reason why not."""

import re

from rdkit import Chem
from rdkit.rdBase import BlockLogs

from drugml.data.molecule import has_stereo_groups
from drugml.data.status import Reject, Status

POLYMERS = {"SRU", "MON", "MER", "COP", "CRO", "MOD", "GRA", "ANY"}
"""Substance groups that say that the drawn atoms stand for another number of them."""
STEREO_GROUPS = int(Chem.CXSmilesFields.CX_ENHANCEDSTEREO)


def smiles_of(block: list[str]) -> str | Reject:
    """SMILES with the stereo of the mol block; CXSMILES where only that can hold it (groups such as `or1`).

    Hydrogens become implicit as in any SMILES. A block without atoms is an empty text.
    """
    text = "\n".join(block) + "\n"
    with BlockLogs():
        try:
            mol = Chem.MolFromMolBlock(text)
        except RuntimeError:  # RDKit's own checks, as on an unknown element in V3000
            mol = None
        if mol is None:
            return _diagnose(block, text)
        if fault := _fault(mol):
            return Reject(Status.UNSUPPORTED, fault)
        if has_stereo_groups(mol):
            return str(Chem.MolToCXSmiles(mol, Chem.SmilesWriteParams(), STEREO_GROUPS))
        return str(Chem.MolToSmiles(mol))


def _fault(mol: Chem.Mol) -> str | None:
    """What a SMILES would not say of the block: it would stand for another molecule."""
    atoms = [a.GetIdx() + 1 for a in mol.GetAtoms() if a.HasQuery() or a.GetAtomicNum() == 0]
    if atoms:
        return f"atom {atoms[0]} of the mol block is a query, a list or an R-group, no element"
    if bonds := [b.GetIdx() + 1 for b in mol.GetBonds() if b.HasQuery()]:
        return f"bond {bonds[0]} of the mol block is a query, no bond of one order"
    groups = Chem.GetMolSubstanceGroups(mol)
    kinds = sorted({g.GetProp("TYPE") for g in groups if g.HasProp("TYPE")} & POLYMERS)
    return f"a polymer (group of type {kinds[0]}) is no single molecule" if kinds else None


def _diagnose(block: list[str], text: str) -> Reject:
    counts = block[3] if len(block) > 3 else ""
    if "V3000" not in counts:
        found = re.match(r"([ \d]{3})([ \d]{3})", counts)
        try:
            atoms, bonds = map(int, found.groups()) if found else (-1, -1)
        except ValueError:
            atoms, bonds = -1, -1
        if atoms < 0:
            return Reject(
                Status.MALFORMED, f"line 4 of the mol block: expected the counts of atoms and bonds, found {counts!r}"
            )
        if (lines := len(block) - 5) < atoms + bonds:
            reason = f"the mol block has {lines} lines for {atoms} atoms and {bonds} bonds; is it cut off?"
            return Reject(Status.MALFORMED, reason)
    mol = Chem.MolFromMolBlock(text, sanitize=False)
    problems = [p.Message() for p in Chem.DetectChemistryProblems(mol)] if mol is not None else []
    if problems:
        return Reject(Status.CHEMISTRY, "; ".join(problems[:3]))
    return Reject(Status.MALFORMED, "RDKit cannot read the mol block")
