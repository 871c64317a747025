"""Codes of Chemprop's features straight from SMILES through cuik-molmaker, a C++ library and optional extra.

The codes are those of `ChempropV2.pack`, bit by bit; a contract test compares them. The library is built against one
version of RDKit and is used only with that one. What it reads differently is left to RDKit from Python: it takes dative
bonds for aromatic ones, skips what it cannot parse, and cannot tell why.
"""

import logging
import re
from collections.abc import Sequence
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec, module_from_spec
from typing import Any, NamedTuple

import numpy as np
import rdkit
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.rdBase import BlockLogs

from drugml.data.elements import ELEMENTS, bits_by_atom
from drugml.data.store import PackedStore, select
from drugml.featurizers.graph import ChempropV2
from drugml.featurizers.properties import MASS
from drugml.featurizers.vocabulary import Vocabulary

Array = NDArray[Any]
log = logging.getLogger(__name__)

PACKAGE = "cuik-molmaker-pin"
BATCH = 50
"""SMILES per call. One that RDKit cannot sanitize fails all of them."""
ATOM = ["atomic-number-common", "total-degree", "formal-charge", "chirality", "num-hydrogens", "hybridization-expanded"]
ATOM_FLOATS = ["aromatic", "atomic-number"]
BOND = ["is-null", "bond-type-onehot", "conjugated", "in-ring", "stereo"]
MOST_ATOMS = 65_536
"""`ends` are 16 bits wide."""
UNUSUAL = re.compile(r"\s|InChI=|\*|#0|\[\d|[$~<>]")
"""More than one word, an InChI, a wildcard, an isotope, or a bond of another kind."""
NONMETALS = np.isin(np.arange(119), [1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 52, 53])
"""By atomic number. Only bonds to the others can be dative without an arrow in the SMILES."""
AROMATIC = ChempropV2.bonds.features[0].choices.index(int(Chem.BondType.AROMATIC))
"""Code of aromatic bonds, and what dative ones are taken for."""
FEW_ROWS = 500
"""One-hot rows per matrix product; for more, BLAS starts threads that cost more than the product."""
SCALE = 5
"""Its atomic numbers are divided by this."""


class Read(NamedTuple):
    """What became of a list of SMILES."""

    store: PackedStore | None
    """The molecules that were read, in order; None if there is none."""
    done: list[int]
    """Their positions in the list. All others, good or bad, are left to RDKit from Python."""


@cache
def extension() -> Any | None:
    """The compiled module, if it is installed and built for the RDKit that is; otherwise None, said once if it is."""
    try:
        pins = [r.partition("==")[2] for r in requires(PACKAGE) or [] if r.startswith("rdkit==")]
    except PackageNotFoundError:
        return None
    if [_numbers(p) for p in pins] != [_numbers(rdkit.__version__)]:
        built = ", ".join(pins) or "an unknown version"
        said = f"it is built for RDKit {built}, and {rdkit.__version__} is installed"
        log.info("features: without cuik-molmaker: %s; pip install --upgrade 'drugml[fast]'", said)
        return None
    try:
        return _compiled()
    except ImportError as error:
        log.info("features: without cuik-molmaker, which cannot be loaded: %s", error)
        return None


def pack_smiles(smiles: Sequence[str], max_atoms: int) -> Read:
    """Read those SMILES that are good molecules and nothing unusual."""
    usual = [(i, text) for i, s in enumerate(smiles) if (text := s.strip()) and not UNUSUAL.search(text)]
    at: list[int] = []
    parts: list[tuple[Array, ...]] = []
    atoms = 0
    for start in range(0, len(usual), BATCH):
        batch = usual[start : start + BATCH]
        if (rows := _rows([text for _, text in batch])) is not None:
            atom_codes, number, bond_codes, ends, owner = rows
            parts.append((atom_codes, number, bond_codes, ends + atoms, owner + len(at)))
            at += [i for i, _ in batch]
            atoms += len(owner)
    if not parts:
        return Read(None, [])
    atom_codes, number, bond_codes, ends, owner = (
        np.concatenate(p, axis=-1 if n == 3 else 0) for n, p in enumerate(zip(*parts, strict=True))
    )
    bond_owner = owner[ends[0]]
    atom_start, bond_start = (_starts(o, len(at)) for o in (owner, bond_owner))
    store = PackedStore(
        molecule={ELEMENTS: bits_by_atom(number, owner, len(at))},
        atom={"codes": atom_codes, "floats": (MASS[number] * 0.01).astype(np.float32)[:, None]},
        bond={"codes": bond_codes, "ends": (ends - atom_start[bond_owner]).T.astype(np.uint16, order="C")},
        atom_start=atom_start,
        bond_start=bond_start,
    )
    counts = np.diff(atom_start)
    dative = (bond_codes[:, 0] == AROMATIC) & ~NONMETALS[number[ends]].all(axis=0)
    fits = (counts > 0) & (counts <= min(max_atoms, MOST_ATOMS))
    good = np.flatnonzero(fits & (np.bincount(bond_owner, dative, minlength=len(at)) == 0))
    return Read(select(store, good) if len(good) else None, [at[i] for i in good])


def _rows(smiles: list[str]) -> tuple[Array, ...] | None:
    """Codes and atomic numbers of the atoms, codes and ends (2, P) of the bonds, molecule of each atom.

    None if there is a SMILES among them that cannot be sanitized.
    """
    cuik: Any = extension()
    try:
        with BlockLogs():
            # no hydrogens added, no offset of carbon, each bond once, no self-loops
            atoms, bonds, ends, _, owner = cuik.batch_mol_featurizer(smiles, *_features(), False, False, False, False)
    except (RuntimeError, ValueError, IndexError):  # what C++ exceptions become
        return None
    number = np.rint(atoms[:, -1] * SCALE).astype(np.int64)
    return _codes("atoms", atoms), number, _codes("bonds", bonds), ends, owner


def _starts(owner: Array, molecules: int) -> Array:
    """(molecules + 1,), first atom or bond of each molecule."""
    return np.cumsum([0, *np.bincount(owner, minlength=molecules)], dtype=np.int64)


def _codes(level: str, rows: Array) -> Array:
    """One-hot rows (n, columns) to codes (n, A): each column adds its difference to the code of an empty row."""
    weights, empty = _weights(level)
    blocks = [rows[i : i + FEW_ROWS] @ weights for i in range(0, max(1, len(rows)), FEW_ROWS)]
    return (np.concatenate(blocks) + empty).astype(np.uint8)


@cache
def _weights(level: str) -> tuple[Array, Array]:
    """(columns, A), with zeros for floats, and (A,); of the `atoms` or `bonds`."""
    vocabulary: Vocabulary = getattr(ChempropV2, level)
    columns = vocabulary.column_of()
    empty = np.array([of_code.index(-1) if -1 in of_code else 0 for of_code in columns], np.float32)
    weights = np.zeros((vocabulary.columns, len(columns)), np.float32)
    for feature, of_code in enumerate(columns):
        for code, column in enumerate(of_code):
            if column >= 0:
                weights[column, feature] = code - empty[feature]
    return weights, empty


@cache
def _features() -> tuple[Any, Any, Any]:
    cuik: Any = extension()
    return (
        cuik.atom_onehot_feature_names_to_array(ATOM),
        cuik.atom_float_feature_names_to_array(ATOM_FLOATS),
        cuik.bond_feature_names_to_array(BOND),
    )


def _compiled() -> Any:
    """The extension module by itself: its package also imports pandas and scipy.stats, which takes a second."""
    package = find_spec("cuik_molmaker")
    name = "cuik_molmaker_cpp"
    spec = package and PathFinder.find_spec(name, package.submodule_search_locations)
    if spec is None or spec.loader is None:
        raise ImportError(f"{PACKAGE} has no module {name}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _numbers(version: str) -> list[int]:
    """2026.3.5 and 2026.03.5 are one version."""
    return [int(part) for part in version.split(";")[0].strip().split(".") if part.isdigit()]
