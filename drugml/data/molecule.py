"""SMILES or InChI to molecule, or the reason why not; and what makes two molecules the same."""

import hashlib
import sys
from collections.abc import Sequence

from rdkit import Chem
from rdkit.Chem import rdqueries
from rdkit.Chem.Scaffolds import MurckoScaffold
from rdkit.rdBase import BlockLogs

from drugml.data.status import Reject, Status

WILDCARD = Chem.MolFromSmarts("[#0]")
MAPPED = rdqueries.HasPropQueryAtom("molAtomMapNumber")


def parse(smiles: str, max_atoms: int) -> Chem.Mol | Reject:
    """Read one SMILES (CXSMILES extensions allowed) or InChI as a molecule with at least one atom.

    RDKit ignores what follows a space; here it is a reject, because `CC O` is more often a broken
    `CCO` than an ethane with a name. Groups of relative stereo (`|o1:1|`) stay with the molecule.
    """
    with BlockLogs():
        return _parse(smiles, max_atoms)


def parse_all(smiles: Sequence[str], max_atoms: int) -> list[Chem.Mol | Reject]:
    """`parse` of each, in order."""
    with BlockLogs():
        return [_parse(s, max_atoms) for s in smiles]


def read_again(texts: Sequence[str]) -> list[Chem.Mol]:
    """Molecules of SMILES or InChI that were good when the table was read."""
    mols = [p for p in parse_all(texts, sys.maxsize) if not isinstance(p, Reject)]
    assert len(mols) == len(texts)
    return mols


def _parse(smiles: str, max_atoms: int) -> Chem.Mol | Reject:
    text = smiles.strip()
    if not text:
        return Reject(Status.EMPTY, "no SMILES")
    core, *rest = text.split(maxsplit=1)
    if is_inchi(text):
        return _parse_inchi(text, max_atoms)
    if rest and not rest[0].startswith("|"):
        return Reject(Status.NOT_SMILES, f"text after the SMILES: {rest[0]!r}")
    mol = Chem.MolFromSmiles(text)
    return _diagnose(core) if mol is None else fault(mol, text, max_atoms) or mol


def is_inchi(text: str) -> bool:
    """Whether a cell is meant as an InChI."""
    return text.lstrip().startswith("InChI=")


def has_stereo_groups(mol: Chem.Mol) -> bool:
    """Whether the stereo of a molecule is partly relative (`or1`) or a mixture (`and1`).

    No featurizer and no InChIKey tells such a molecule from the one drawn.
    """
    return any(g.GetGroupType() != Chem.StereoGroupType.STEREO_ABSOLUTE for g in mol.GetStereoGroups())


def _parse_inchi(text: str, max_atoms: int) -> Chem.Mol | Reject:
    mol = Chem.MolFromInchi(text)
    if mol is None:
        return Reject(Status.NOT_SMILES, f"not an InChI: {text[:80]!r}")
    return fault(mol, text, max_atoms) or mol


def fault(mol: Chem.Mol, text: str, max_atoms: int) -> Reject | None:
    """Why a valid molecule, written `text`, cannot be featurized."""
    if mol.GetNumAtoms() == 0:
        return Reject(Status.NO_ATOMS, f"a SMILES without atoms: {text!r}")
    if mol.GetNumAtoms() > max_atoms:
        return Reject(Status.TOO_LARGE, f"{mol.GetNumAtoms()} heavy atoms, more than data.max_atoms = {max_atoms}")
    if ("*" in text or "#0" in text) and mol.HasSubstructMatch(WILDCARD):  # there is no other way to write one
        return Reject(Status.UNSUPPORTED, "a wildcard atom (*) stands for no element")
    return None


def identity(mol: Chem.Mol) -> str:
    """InChIKey; where InChI fails, a digest of the canonical SMILES of this RDKit version."""
    with BlockLogs():
        key = Chem.MolToInchiKey(mol)
    return str(key) if key else "smiles:" + digest(Chem.MolToSmiles(mol))


def connectivity(key: str) -> str:
    """First block of an InChIKey: the skeleton of bonds without stereo, isotopes and protonation.

    An identity that is no InChIKey has no such block and stands for itself.
    """
    return key if key.startswith("smiles:") else key[:14]


def scaffold(mol: Chem.Mol) -> str:
    """Digest of the Bemis-Murcko scaffold without stereo and atom maps; empty for acyclic molecules."""
    if mol.GetRingInfo().NumRings() == 0:
        return ""
    frame = Chem.Mol(MurckoScaffold.GetScaffoldForMol(mol))
    if len(mapped := frame.GetAtomsMatchingQuery(MAPPED)):
        for atom in mapped:
            atom.SetAtomMapNum(0)  # a mapped and an unmapped molecule share their scaffold
    return digest(Chem.MolToSmiles(frame, isomericSmiles=False))


def digest(text: str) -> str:
    """20 hexadecimal digits of SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _diagnose(smiles: str) -> Reject:
    mol = Chem.MolFromSmiles(smiles, sanitize=False)
    if mol is None:
        return Reject(Status.NOT_SMILES, f"not a SMILES: {smiles[:80]!r}")
    problems = [p.Message() for p in Chem.DetectChemistryProblems(mol)]
    return Reject(Status.CHEMISTRY, "; ".join(problems[:3]) or f"RDKit cannot sanitize {smiles[:80]!r}")
