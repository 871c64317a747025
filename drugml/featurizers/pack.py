"""SMILES to a packed store: in parallel over chunks, each row with its status."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from drugml.config.base import Spec
from drugml.config.featurizers import ChempropV2Spec
from drugml.config.geometry import from_file
from drugml.config.standardize import NoStandardization, StandardizeSpec
from drugml.data.chunks import mapped
from drugml.data.elements import ELEMENTS, bits_of
from drugml.data.facts import FACTS, describe
from drugml.data.molecule import fault, identity, parse_all, scaffold
from drugml.data.prints import KEPT, keep, packed_prints
from drugml.data.progress import progress
from drugml.data.standardize import STANDARDIZERS
from drugml.data.status import Reject, Status
from drugml.data.store import PackedStore, concatenate, empty, select
from drugml.featurizers import cuik
from drugml.featurizers.featurizer import FEATURIZERS, PACKAGES, Featurizer, Unfit
from drugml.featurizers.geometry import GIVEN

log = logging.getLogger(__name__)

CHUNK = 1000
"""Molecules a worker takes at a time."""
WORTH_A_POOL = 4000
"""Fewer molecules are done before workers have started."""
SLOWER = 40
"""So many times fewer of each where a featurizer is slow."""
PRINT = "print"
"""Fingerprints that come along from the workers for leak reports and data cards, and are not stored."""
DESCRIBED = 10
"""The same where there are descriptors or another package's fingerprints, ten milliseconds a molecule."""


class Standard(NamedTuple):
    """A molecule that can be featurized."""

    mol: Chem.Mol
    written: Chem.Mol
    """As the table has it; the same one where nothing was changed."""


class Packed(NamedTuple):
    """What became of a list of SMILES."""

    store: PackedStore | None
    """The good molecules, in order; None if there is none."""
    rejects: dict[int, Reject]
    """Position in the list to reason."""
    notes: dict[int, str]
    """Position in the list to what standardisation changed; only of molecules that it changed."""


def pack(
    smiles: Sequence[str],
    spec: Spec | None,
    *,
    standardize: StandardizeSpec,
    max_atoms: int,
    identities: bool = False,
    workers: int = 1,
    accelerate: bool = True,
) -> Packed:
    """Parse, standardize and featurize, in order; the store also has the `elements` (M, 16) of each standard molecule.

    Args:
        smiles: what stands in the table, good or bad.
        spec: which featurizer; None for no features.
        standardize: what is done with a molecule before it is featurized.
        max_atoms: larger molecules are rejected, before and after that.
        identities: also store `inchikey` and `scaffold` of each standard molecule, as splits need them, and the
            `facts` of each molecule as it is written, as audits need them.
        workers: processes; SMILES go out and arrays come back, never molecules.
        accelerate: whether to use cuik-molmaker where it is installed, fits and can do what is asked; the result is
            the same.
    """
    begun = packing(
        smiles,
        spec,
        standardize=standardize,
        max_atoms=max_atoms,
        identities=identities,
        workers=workers,
        accelerate=accelerate,
    )
    return begun()


def packing(
    smiles: Sequence[str],
    spec: Spec | None,
    *,
    standardize: StandardizeSpec,
    max_atoms: int,
    identities: bool,
    workers: int,
    accelerate: bool = True,
) -> Callable[[], Packed]:
    """Begin to `pack` in other processes, if there are several; what it returns waits for them."""
    quick = accelerate and not identities and spec == ChempropV2Spec() and standardize == NoStandardization()
    described = getattr(spec, "descriptors", ()) or PACKAGES.keys() & getattr(spec, "names", ())
    slower = SLOWER if getattr(spec, "slow", False) else DESCRIBED if described else 1
    size = max(1, CHUNK // slower)
    chunks = [smiles[i : i + size] for i in range(0, len(smiles), size)]
    slowly = partial(
        _pack_chunk,
        spec=spec,
        standardize=standardize,
        max_atoms=max_atoms,
        identities=identities,
        prints=identities and len(smiles) <= KEPT,
    )
    job: Callable[[Sequence[str]], Packed] = slowly
    if quick and cuik.extension():
        job = partial(_pack_quickly, max_atoms=max_atoms, slowly=slowly)
    parts = mapped(job, chunks, workers if len(smiles) * slower >= WORTH_A_POOL else 1)

    def finish() -> Packed:
        stores: list[PackedStore] = []
        rejects: dict[int, Reject] = {}
        notes: dict[int, str] = {}
        with progress(len(smiles), "molecules prepared") as done:
            for n, part in enumerate(parts):
                rejects |= {n * size + i: r for i, r in part.rejects.items()}
                notes |= {n * size + i: text for i, text in part.notes.items()}
                if part.store is not None:
                    stores.append(part.store)
                done(min(len(smiles), (n + 1) * size))
        store = concatenate(stores) if stores else None
        if store is not None and PRINT in store.molecule:
            keep([s for i, s in enumerate(smiles) if i not in rejects], store.molecule[PRINT])
            store = replace(store, molecule={k: v for k, v in store.molecule.items() if k != PRINT})
        return Packed(store, rejects, notes)

    return finish


def _pack_chunk(
    smiles: Sequence[str],
    *,
    spec: Spec | None,
    standardize: StandardizeSpec,
    max_atoms: int,
    identities: bool,
    prints: bool,
) -> Packed:
    featurizer = None if spec is None else FEATURIZERS.build(spec)
    good, rejects, notes = _standard(smiles, standardize, max_atoms)
    for i in good.keys() - notes.keys() if from_file(spec) else ():
        good[i].mol.SetProp(GIVEN, smiles[i].strip())
    if not identities:
        notes = {}
    featurize = partial(_featurize, featurizer, identities=identities, prints=prints)
    try:
        if not getattr(spec, "slow", False):  # else all would be done anew for one that fails
            return Packed(featurize([*good.values()]) if good else None, rejects, notes)
    except MemoryError:
        raise
    except Exception:  # one molecule that RDKit chokes on must not cost the other rows
        log.debug("featurizing one by one", exc_info=True)
    store, failed = _one_by_one(featurize, good)
    return Packed(store, rejects | failed, {i: text for i, text in notes.items() if i not in failed})


def _pack_quickly(smiles: Sequence[str], *, max_atoms: int, slowly: Callable[[Sequence[str]], Packed]) -> Packed:
    """By cuik-molmaker; what it leaves is packed `slowly`."""
    read = cuik.pack_smiles(smiles, max_atoms)
    left = sorted({*range(len(smiles))}.difference(read.done))
    if not left:
        return Packed(read.store, {}, {})
    rest = slowly([smiles[i] for i in left])
    rejects = {left[i]: r for i, r in rest.rejects.items()}
    stores = [s for s in (read.store, rest.store) if s is not None]
    if len(stores) < 2:
        return Packed(stores[0] if stores else None, rejects, {})
    at = np.array([*read.done, *(i for i in left if i not in rejects)])
    return Packed(select(concatenate(stores), np.argsort(at)), rejects, {})


def _standard(
    smiles: Sequence[str], spec: StandardizeSpec, max_atoms: int
) -> tuple[dict[int, Standard], dict[int, Reject], dict[int, str]]:
    """Position to standard molecule, to reject, and to what was changed; each position in one of the first two."""
    parsed = parse_all(smiles, max_atoms)
    rejects = {i: p for i, p in enumerate(parsed) if isinstance(p, Reject)}
    mols = {i: p for i, p in enumerate(parsed) if not isinstance(p, Reject)}
    good: dict[int, Standard] = {}
    notes: dict[int, str] = {}
    for i, done in zip(mols, STANDARDIZERS.build(spec).standardize([*mols.values()]), strict=True):
        if isinstance(done, Reject):
            rejects[i] = done
        elif done.mol is not mols[i] and (why := fault(done.mol, smiles[i], max_atoms)):
            rejects[i] = why
        else:
            good[i] = Standard(done.mol, mols[i])
            if done.notes:
                notes[i] = "; ".join(done.notes)
    return good, dict(sorted(rejects.items())), notes


def _one_by_one(
    featurize: Callable[[list[Standard]], PackedStore], good: dict[int, Standard]
) -> tuple[PackedStore | None, dict[int, Reject]]:
    """Slowly, so that only those molecules are rejected whose features fail."""
    stores, failed = [], {}
    for i, molecule in good.items():
        try:
            stores.append(featurize([molecule]))
        except MemoryError:
            raise
        except Unfit as error:
            failed[i] = Reject(Status.FEATURIZER, str(error))
        except Exception as error:
            said = str(error).strip().partition("\n")[0]
            failed[i] = Reject(Status.FEATURIZER, f"its features fail: {type(error).__name__}: {said}")
    return concatenate(stores) if stores else None, failed


def _featurize(
    featurizer: Featurizer | None, molecules: list[Standard], *, identities: bool, prints: bool
) -> PackedStore:
    mols = [m.mol for m in molecules]
    store = empty(len(mols)) if featurizer is None else featurizer.pack(mols)
    extra: dict[str, NDArray[Any]] = {ELEMENTS: bits_of(mols)}
    if not identities:
        return replace(store, molecule={**store.molecule, **extra})
    extra |= {
        "inchikey": np.array([identity(m).encode() for m in mols]),
        "scaffold": np.array([scaffold(m).encode() for m in mols], "S20"),
        "facts": np.array([describe(m.written) for m in molecules], FACTS),
    }
    if prints:
        extra[PRINT] = packed_prints([m.written for m in molecules])
    return replace(store, molecule={**store.molecule, **extra})


def described(spec: Spec | None) -> str:
    """A featurizer and those of its options that were chosen, in one line."""
    if spec is None:
        return "no features"
    chosen = {k: v for k, v in spec if k != "name" and v != type(spec).model_fields[k].default}
    return " ".join([spec.model_dump()["name"], *(f"{k}={_said(v)}" for k, v in chosen.items())])


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_said, value))}]"
    return described(value) if isinstance(value, Spec) else str(value)
