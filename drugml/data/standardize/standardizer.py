"""What every standardizer promises, and the steps that all levels share."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

from rdkit import Chem
from rdkit.rdBase import BlockLogs

from drugml.config.standardize import NoStandardization
from drugml.data.standardize.tautomer import CanonicalTautomer
from drugml.data.status import Reject, Status
from drugml.registry import Registry

log = logging.getLogger(__name__)

REVISION = 1
"""Raised when a level comes to give other molecules with the same packages."""


class Standard(NamedTuple):
    """A standard molecule: sanitized, at least one atom."""

    mol: Chem.Mol
    notes: tuple[str, ...]
    """What was done to charges, fragments, isotopes, stereo and tautomer, in order; empty if nothing."""


class Standardizer(ABC):
    """A function of molecules, cheap to build in every process and free of state."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """All that its results depend on, as JSON; part of the key of every cache."""

    @abstractmethod
    def standardize(self, mols: Sequence[Chem.Mol]) -> list[Standard | Reject]:
        """One outcome per molecule, in order. The molecules come sanitized and are not changed."""


STANDARDIZERS: Registry[Standardizer] = Registry("standardizer")


@STANDARDIZERS.register(NoStandardization)
class Untouched(Standardizer):
    """Every molecule is its own standard."""

    def describe(self) -> dict[str, Any]:
        return {"kind": "none"}

    def standardize(self, mols: Sequence[Chem.Mol]) -> list[Standard | Reject]:
        return [Standard(m, ()) for m in mols]


class Level(Standardizer):
    """A standardizer that cleans, neutralizes and finds the parent in its own way; what follows is the same for all.

    Arguments: as in `drugml.config.standardize.Standardization`.
    """

    kind: str
    packages: tuple[str, ...]
    """Whose versions the results depend on."""

    def __init__(
        self,
        *,
        parent: bool,
        neutralize: bool,
        isotopes: str,
        stereo: str,
        tautomer: bool,
        tautomer_seconds: float,
        elements: tuple[str, ...] | None,
    ) -> None:
        self.parent, self.neutralize = parent, neutralize
        self.keep_isotopes, self.keep_stereo = isotopes == "keep", stereo == "keep"
        self.tautomer = CanonicalTautomer(tautomer_seconds) if tautomer else None
        self.elements = None if elements is None else {*elements, "H"}

    def describe(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "revision": REVISION,
            "versions": {p: version(p) for p in self.packages},
            "parent": self.parent,
            "neutralize": self.neutralize,
            "keep_isotopes": self.keep_isotopes,
            "keep_stereo": self.keep_stereo,
            "tautomer_seconds": self.tautomer and self.tautomer.seconds,
            "elements": None if self.elements is None else sorted(self.elements),
        }

    def standardize(self, mols: Sequence[Chem.Mol]) -> list[Standard | Reject]:
        with BlockLogs():
            return [self._outcome(m) for m in mols]

    @abstractmethod
    def clean(self, mol: Chem.Mol, notes: list[str]) -> Chem.Mol:
        """Cleanup, isotopes, parent and charges; a sanitized molecule. What was changed is added to `notes`."""

    def _outcome(self, mol: Chem.Mol) -> Standard | Reject:
        notes: list[str] = []
        try:
            done = self._finish(self.clean(mol, notes), notes)
        except MemoryError:
            raise
        except Exception as error:  # one molecule that RDKit chokes on must not cost the other rows
            log.debug("%s standardisation fails", self.kind, exc_info=True)
            said = str(error).strip().partition("\n")[0]
            return Reject(Status.STANDARDIZER, f"{self.kind} standardisation fails: {type(error).__name__}: {said}")
        if done.GetNumAtoms() == 0:
            return Reject(Status.NO_ATOMS, f"{self.kind} standardisation leaves no atom")
        return self._foreign(done) or Standard(done, tuple(notes))

    def _foreign(self, mol: Chem.Mol) -> Reject | None:
        if self.elements is None:
            return None
        other = {a.GetSymbol() for a in mol.GetAtoms()} - self.elements
        if not other:
            return None
        allowed = ", ".join(sorted(self.elements))
        return Reject(Status.UNSUPPORTED, f"{', '.join(sorted(other))}: not in data.standardize.elements ({allowed})")

    def _finish(self, mol: Chem.Mol, notes: list[str]) -> Chem.Mol:
        if not self.keep_stereo and has_stereo(mol):
            mol = Chem.Mol(mol)
            Chem.RemoveStereochemistry(mol)
            notes.append("stereo removed")
        return self.tautomer.find(mol, notes) if self.tautomer else mol


def has_stereo(mol: Chem.Mol) -> bool:
    """Whether any atom or bond has a stereo mark, known or `any`."""
    return any(a.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED for a in mol.GetAtoms()) or any(
        b.GetStereo() != Chem.BondStereo.STEREONONE for b in mol.GetBonds()
    )
