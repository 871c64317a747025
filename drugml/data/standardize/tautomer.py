"""The canonical tautomer, found within a time limit or not at all."""

import time

from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

STATUS = rdMolStandardize.TautomerEnumeratorStatus


class _Deadline(rdMolStandardize.TautomerEnumeratorCallback):
    """RDKit asks it after every transformation tried, a few milliseconds apart."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.end = time.monotonic() + seconds

    def __call__(self, mol: Chem.Mol, res: object) -> bool:  # type: ignore[override]
        return time.monotonic() < self.end


class CanonicalTautomer:
    """RDKit's canonical tautomer (of at most 1,000 tautomers and 1,000 transformations), stereo kept.

    Where a limit ends the search, the molecule keeps its tautomer: the best of an unfinished search would depend
    on the order of atoms. By default RDKit would also take the stereo of every centre that some tautomer lacks,
    that of each amino acid among them.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._enumerator = rdMolStandardize.TautomerEnumerator()
        self._enumerator.SetRemoveSp3Stereo(False)
        self._enumerator.SetRemoveBondStereo(False)

    def find(self, mol: Chem.Mol, notes: list[str]) -> Chem.Mol:
        """The canonical tautomer, sanitized; the molecule itself if it is that already or a limit was reached."""
        self._enumerator.SetCallback(_Deadline(self.seconds))
        result = self._enumerator.Enumerate(mol)
        if result.status != STATUS.Completed:
            what = "time" if result.status == STATUS.Canceled else "number"
            notes.append(f"tautomer {what} limit reached")
            return mol
        best = self._enumerator.PickCanonical(result)
        if Chem.MolToSmiles(best) == Chem.MolToSmiles(mol):
            return mol
        Chem.SanitizeMol(best)
        Chem.AssignStereochemistry(best, cleanIt=True, force=True)
        notes.append("tautomer changed")
        return best
