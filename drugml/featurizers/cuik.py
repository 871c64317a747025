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
from rdkit.rdBase import BlockLogs

from drugml.data.store import PackedStore, concatenate, select
from drugml.featurizers.graph import ChempropV2
from drugml.featurizers.properties import MASS
from drugml.featurizers.vocabulary import Vocabulary

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
"""By atomic number. RDKit makes bonds to the others dative."""
PERIOD = 5
"""Its atomic numbers are divided by this."""


class Read(NamedTuple):
    """What became of a list of SMILES."""

    store: PackedStore | None
    """The molecules that were read, in order; None if there is none."""
    done: list[int]
    """Their positions in the list. All others, good or bad, are left to RDKit from Python."""


@cache
def library() -> Any | None:
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
    stores, done = [], []
    for start in range(0, len(usual), BATCH):
        part = usual[start : start + BATCH]
        read = _batch([text for _, text in part], max_atoms)
        if read.store is not None:
            stores.append(read.store)
            done += [part[n][0] for n in read.done]
    return Read(concatenate(stores) if stores else None, done)


def _batch(smiles: list[str], max_atoms: int) -> Read:
    cuik = library()
    if cuik is None:
        return Read(None, [])
    try:
        with BlockLogs():
            # no hydrogens added, no offset of carbon, each bond once, no self-loops
            rows = cuik.batch_mol_featurizer(smiles, *_features(), False, False, False, False)
    except RuntimeError:
        return Read(None, [])
    atoms, bonds, ends, _, owner = rows
    number = np.rint(atoms[:, -1] * PERIOD).astype(np.int64)
    bond_owner = owner[ends[0]]
    atom_start, bond_start = (_starts(o, len(smiles)) for o in (owner, bond_owner))
    store = PackedStore(
        molecule={},
        atom={
            "codes": _codes(ChempropV2.atoms, atoms),
            "floats": (MASS[number] * 0.01).astype(np.float32)[:, None],
        },
        bond={
            "codes": _codes(ChempropV2.bonds, bonds),
            "ends": (ends - atom_start[bond_owner]).T.astype(np.uint16),
        },
        atom_start=atom_start,
        bond_start=bond_start,
    )
    counts = np.diff(atom_start)
    dative = np.bincount(bond_owner, ~NONMETALS[number[ends]].all(axis=0), minlength=len(smiles))
    good = np.flatnonzero((counts > 0) & (counts <= min(max_atoms, MOST_ATOMS)) & (dative == 0))
    return Read(select(store, good) if len(good) else None, good.tolist())


def _starts(owner: NDArray[np.int64], molecules: int) -> NDArray[np.int64]:
    """(molecules + 1,), first atom or bond of each molecule."""
    return np.cumsum([0, *np.bincount(owner, minlength=molecules)], dtype=np.int64)


def _codes(vocabulary: Vocabulary, rows: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One-hot rows (n, columns or more) to codes (n, A)."""
    empty, feature, code = _columns(vocabulary)
    codes = np.tile(empty, (len(rows), 1))
    row, column = np.divmod(np.flatnonzero(rows[:, : len(feature)] != 0), len(feature))  # a fifth of np.nonzero's time
    codes[row, feature[column]] = code[column]
    return codes


@cache
def _columns(vocabulary: Vocabulary) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8]]:
    """Codes of a row of zeros, and feature and code of each column; floats are not among the columns."""
    empty = [of_code.index(-1) if -1 in of_code else 0 for of_code in vocabulary.column_of()]
    width = vocabulary.columns - len(vocabulary.floats)
    feature, code = np.zeros(width, np.int64), np.zeros(width, np.uint8)
    for f, of_code in enumerate(vocabulary.column_of()):
        for c, column in enumerate(of_code):
            if column >= 0:
                feature[column], code[column] = f, c
    return np.array(empty, np.uint8), feature, code


@cache
def _features() -> tuple[Any, Any, Any]:
    cuik: Any = library()
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
