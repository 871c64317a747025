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
    """Whether hydrogen ions were moved, or electrons alone; both hold the same heavy atoms, in any order."""
    if charges(before) == charges(after) or Chem.MolToSmiles(before) == Chem.MolToSmiles(after):
        return []
    was, now = _states(before), _states(after)
    left, come = [
        Counter((element, hydrogens) for element, hydrogens, _ in d.elements()) for d in (was - now, now - was)
    ]
    notes = ["functional groups normalized"] if was == now or left & come else []
    return notes if left == come else [*notes, "neutralized"]


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


def _states(mol: Chem.Mol) -> Counter[tuple[int, int, int]]:
    """How many heavy atoms there are of each element, number of hydrogens and charge."""
    heavy = [a for a in mol.GetAtoms() if a.GetAtomicNum() != 1]
    return Counter((a.GetAtomicNum(), a.GetTotalNumHs(includeNeighbors=True), a.GetFormalCharge()) for a in heavy)
