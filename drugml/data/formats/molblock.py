"""A mol block as SMILES, or the reason why not."""

import re
from collections.abc import Iterable

from rdkit import Chem
from rdkit.Chem.MolStandardize.rdMolStandardize import FeaturesValidation
from rdkit.rdBase import BlockLogs

from drugml.data.molecule import has_stereo_groups
from drugml.data.status import Reject, Status

POLYMERS = {"SRU", "MON", "MER", "COP", "CRO", "MOD", "GRA", "ANY"}
"""Substance groups that say that the drawn atoms stand for another number of them."""
FEATURES = FeaturesValidation(
    allowEnhancedStereo=True, allowAromaticBondType=True, allowDativeBondType=True, allowAtomAliases=True
)
"""Finds queries and atoms that are no element."""
STEREO_GROUPS = int(Chem.CXSmilesFields.CX_ENHANCEDSTEREO)

COORDINATES = int(Chem.CXSmilesFields.CX_COORDS)


def smiles_of(blocks: Iterable[list[str]], *, positions: bool = False) -> list[str | Reject]:
    """SMILES of each block with its stereo; CXSMILES where only that can hold it (groups such as `or1`).

    Hydrogens become implicit as in any SMILES. A block without atoms is an empty text. With `positions`, a block in
    three dimensions becomes CXSMILES with the coordinates and hydrogens that it has.
    """
    with BlockLogs():  # once for many: it costs a quarter of reading a block
        return [_smiles(lines, "\n".join(lines) + "\n", positions) for lines in blocks]


def _smiles(lines: list[str], text: str, positions: bool) -> str | Reject:
    try:
        mol = Chem.MolFromMolBlock(text, removeHs=not positions)
    except RuntimeError:  # RDKit's own checks, as on an unknown element in V3000
        mol = None
    if mol is None:
        return _diagnose(lines, text)
    if fault := _fault(mol):
        return Reject(Status.UNSUPPORTED, fault)
    if positions and mol.GetNumAtoms() and mol.GetConformer().Is3D():
        return _placed(mol)
    if positions:
        mol = Chem.RemoveHs(mol)
    if len(mol.GetStereoGroups()) and has_stereo_groups(mol):
        return str(Chem.MolToCXSmiles(mol, Chem.SmilesWriteParams(), STEREO_GROUPS))
    return str(Chem.MolToSmiles(mol))


def _placed(mol: Chem.Mol) -> str:
    conformer = mol.GetConformer()
    places = conformer.GetPositions()
    if not places[:, 2].any():  # CXSMILES would leave out z, as of a drawing; where a molecule is says nothing
        places[:, 2] = 1.0
        conformer.SetPositions(places)
    return str(Chem.MolToCXSmiles(mol, Chem.SmilesWriteParams(), COORDINATES | STEREO_GROUPS))


def _fault(mol: Chem.Mol) -> str | None:
    """What a SMILES would not say of the block: it would stand for another molecule."""
    if len(FEATURES.validate(mol)):
        atoms = [a.GetIdx() + 1 for a in mol.GetAtoms() if a.HasQuery() or a.GetAtomicNum() == 0]
        if atoms:
            return f"atom {atoms[0]} of the mol block is a query, a list or an R-group, no element"
        bonds = [b.GetIdx() + 1 for b in mol.GetBonds() if b.HasQuery()]
        return f"bond {bonds[0]} of the mol block is a query, no bond of one order"
    groups = Chem.GetMolSubstanceGroups(mol)
    kinds = sorted({g.GetProp("TYPE") for g in groups if g.HasProp("TYPE")} & POLYMERS) if len(groups) else []
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
