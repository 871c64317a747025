"""What can be written under `data.standardize:`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from drugml.config.base import Spec
from drugml.errors import nearest

SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr "
    "Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir "
    "Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl "
    "Mc Lv Ts Og"
)
"""Every element, apart by spaces."""


class NoStandardization(Spec):
    """Molecules are used as they are written."""

    kind: Literal["none"] = "none"


class Standardization(Spec):
    """What every level of standardisation can be told."""

    parent: bool = True
    """Strip salts and solvents; a molecule that is nothing else is kept whole."""
    neutralize: bool = True
    """Add or remove hydrogen ions until no atom is charged that need not be."""
    isotopes: Literal["keep", "remove"] = "remove"
    """Whether labels such as deuterium are kept."""
    stereo: Literal["keep", "remove"] = "keep"
    """Whether stereocentres and stereo bonds are kept."""
    tautomer: bool = False
    """Replace each molecule by RDKit's canonical tautomer."""
    tautomer_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Longest search of one molecule's canonical tautomer; beyond it the tautomer of the input is kept."""
    elements: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Elements that the standard molecule may hold, as [C, N, O]; hydrogen always may. Others are rejected."""

    @field_validator("elements")
    @classmethod
    def _known(cls, elements: tuple[str, ...] | None) -> tuple[str, ...] | None:
        known = SYMBOLS.split()
        if unknown := [e for e in elements or () if e not in known]:
            raise ValueError(f"{unknown[0]!r} is no symbol of an element; {nearest(unknown[0], known)}")
        return elements


class FastStandardization(Standardization):
    """RDKit's MolStandardize: cleanup, largest organic fragment, charges removed; for large tables."""

    kind: Literal["fast"] = "fast"


class ChemblStandardization(Standardization):
    """ChEMBL's structure pipeline (Bento et al. 2020, doi:10.1186/s13321-020-00456-1), in the installed version."""

    kind: Literal["chembl"] = "chembl"


StandardizeSpec = Annotated[
    NoStandardization | FastStandardization | ChemblStandardization, Field(discriminator="kind")
]
