"""What changed from one molecule to the next, in words; cheap where nothing did."""

from collections import Counter

from rdkit import Chem

CHARGED = Chem.MolFromSmarts("[!+0]")

Charges = tuple[tuple[int, ...], ...]


def charges(mol: Chem.Mol) -> Charges:
    """Positions of charged atoms; equal before and after a cleanup that did nothing."""
    found: Charges = mol.GetSubstructMatches(CHARGED, maxMatches=mol.GetNumAtoms())
    return found


def charge_changes(before: Chem.Mol, after: Chem.Mol) -> list[str]:
    """Whether hydrogen ions moved, or electrons only; empty where the same atoms are charged."""
    was, now = charges(before), charges(after)
    if was == now or Chem.MolToSmiles(before) == Chem.MolToSmiles(after):
        return []
    notes = []
    if len(now) > len(was) or _hydrogens(before) == _hydrogens(after):
        notes.append("functional groups normalized")
    if _hydrogens(before) != _hydrogens(after):
        notes.append("neutralized")
    return notes


def parent_notes(before: Chem.Mol, after: Chem.Mol) -> list[str]:
    """The fragments of `before` that `after` lacks, how many are left, and whether those lost charges.

    Fragments are told apart by their heavy atoms alone: charges may differ.
    """
    fragments = Chem.GetMolFrags(before, asMols=True, sanitizeFrags=False)
    left = Counter(_heavy(f) for f in Chem.GetMolFrags(after, asMols=True, sanitizeFrags=False))
    gone, charged = [], 0
    for fragment in fragments:
        if left[_heavy(fragment)] > 0:
            left[_heavy(fragment)] -= 1
            charged += len(charges(fragment))
        else:
            gone.append(Chem.MolToSmiles(fragment))
    notes = [f"stripped: {', '.join(sorted(gone))}"] if gone else []
    if (kept := len(fragments) - len(gone)) > 1:
        notes.append(f"{kept} fragments kept")
    return [*notes, "neutralized"] if charged > len(charges(after)) else notes


def _heavy(mol: Chem.Mol) -> tuple[int, ...]:
    return tuple(sorted(n for a in mol.GetAtoms() if (n := a.GetAtomicNum()) != 1))


def _hydrogens(mol: Chem.Mol) -> int:
    return sum(a.GetTotalNumHs() + (a.GetAtomicNum() == 1) for a in mol.GetAtoms())
