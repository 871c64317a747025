"""SMILES to a packed store: in parallel over chunks, each row with its status, kept in a cache keyed by content."""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rdkit
from rdkit import Chem

from drugml.config.base import Spec
from drugml.config.featurizers import ChempropV2Spec
from drugml.config.geometry import from_file
from drugml.config.standardize import NoStandardization, StandardizeSpec
from drugml.data.cache import cache_folder as cache_folder
from drugml.data.cache import lock_of, prune, remove, size_limit, stores_folder, total_text, touch, used_bytes
from drugml.data.chunks import cores as cores
from drugml.data.chunks import mapped
from drugml.data.facts import FACTS, describe
from drugml.data.molecule import fault, identity, parse_all, scaffold
from drugml.data.progress import progress
from drugml.data.standardize import STANDARDIZERS
from drugml.data.status import Reject, Status
from drugml.data.store import PackedStore, concatenate, empty, select
from drugml.data.use import alone
from drugml.featurizers import cuik
from drugml.featurizers.featurizer import FEATURIZERS, PACKAGES, Featurizer, Unfit, digest
from drugml.featurizers.geometry import GIVEN

log = logging.getLogger(__name__)

CHUNK = 1000
"""Molecules a worker takes at a time."""
WORTH_A_POOL = 4000
"""Fewer molecules are done before workers have started."""
SLOWER = 40
"""So many times fewer of each where a featurizer is slow."""
DESCRIBED = 10
"""The same where there are descriptors or another package's fingerprints, ten milliseconds a molecule."""
SCHEMA = 3
"""Raised when the meaning of a stored field changes."""


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
    """Parse, standardize and featurize, in order.

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
    quick = accelerate and not identities and spec == ChempropV2Spec() and standardize == NoStandardization()
    described = getattr(spec, "descriptors", ()) or PACKAGES.keys() & getattr(spec, "names", ())
    slower = SLOWER if getattr(spec, "slow", False) else DESCRIBED if described else 1
    size = max(1, CHUNK // slower)
    chunks = [smiles[i : i + size] for i in range(0, len(smiles), size)]
    chunk = _pack_quickly if quick and cuik.extension() else _pack_chunk
    job: Callable[[Sequence[str]], Packed] = partial(
        chunk, spec=spec, standardize=standardize, max_atoms=max_atoms, identities=identities
    )
    stores: list[PackedStore] = []
    rejects: dict[int, Reject] = {}
    notes: dict[int, str] = {}
    with progress(len(smiles), "molecules prepared") as done:
        for n, part in enumerate(mapped(job, chunks, workers if len(smiles) * slower >= WORTH_A_POOL else 1)):
            rejects |= {n * size + i: r for i, r in part.rejects.items()}
            notes |= {n * size + i: text for i, text in part.notes.items()}
            if part.store is not None:
                stores.append(part.store)
            done(min(len(smiles), (n + 1) * size))
    return Packed(concatenate(stores) if stores else None, rejects, notes)


def pack_cached(
    smiles: Sequence[str],
    spec: Spec | None,
    *,
    standardize: StandardizeSpec,
    max_atoms: int,
    cache: Path,
    workers: int,
) -> Packed:
    """As `pack` with identities, from the cache where the same was packed before.

    The key covers the SMILES, what standardizer and featurizer say of themselves, RDKit's version and this format;
    on any difference the work is done anew. Of several processes that want the same at once, one does it.

    Raises:
        UserError: if `DRUGML_CACHE_SIZE` is no size.
    """
    limit = size_limit()
    folder = stores_folder(cache) / _key(smiles, spec, standardize, max_atoms)
    if (found := _cached(folder)) is not None:
        return found
    with alone(lock_of(folder), "features: another process is packing the same molecules; waiting for it"):
        if (found := _cached(folder)) is not None:
            return found
        packed = pack(smiles, spec, standardize=standardize, max_atoms=max_atoms, identities=True, workers=workers)
        if packed.store is not None and packed.store.nbytes <= limit:
            _write(folder, packed, what=f"{described(spec)}, standardized: {standardize.kind}")
    if used_bytes(cache) > limit and (removed := prune(cache, max_bytes=limit).removed):
        log.info("features: %s removed from the cache, DRUGML_CACHE_SIZE is reached", total_text(removed))
    return packed


def _cached(folder: Path) -> Packed | None:
    try:
        store, meta = PackedStore.load(folder)
        rejects = {int(i): Reject(Status(s), r) for i, (s, r) in meta["rejects"].items()}
        notes = {int(i): str(text) for i, text in meta["notes"].items()}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, OSError) as error:
        log.warning("features: the cached store %s is damaged (%s); packed anew", folder, error)
        remove(folder)
        return None
    touch(folder)
    log.info("features: %s molecules from the cache", f"{len(store):,}")
    return Packed(store, rejects, notes)


def _write(folder: Path, packed: Packed, what: str) -> None:
    reasons = {i: [r.status, r.reason] for i, r in packed.rejects.items()}
    try:
        if packed.store is not None:
            packed.store.save(folder, {"what": what, "rejects": reasons, "notes": packed.notes})
    except OSError as error:
        log.warning("features: not cached, %s: %s", folder, error.strerror or error)


def _pack_chunk(
    smiles: Sequence[str], *, spec: Spec | None, standardize: StandardizeSpec, max_atoms: int, identities: bool
) -> Packed:
    featurizer = None if spec is None else FEATURIZERS.build(spec)
    good, rejects, notes = _standard(smiles, standardize, max_atoms)
    for i in good.keys() - notes.keys() if from_file(spec) else ():
        good[i].mol.SetProp(GIVEN, smiles[i].strip())
    if not identities:
        notes = {}
    featurize = partial(_featurize, featurizer, identities=identities)
    try:
        if not getattr(spec, "slow", False):  # else all would be done anew for one that fails
            return Packed(featurize([*good.values()]) if good else None, rejects, notes)
    except MemoryError:
        raise
    except Exception:  # one molecule that RDKit chokes on must not cost the other rows
        log.debug("featurizing one by one", exc_info=True)
    store, failed = _one_by_one(featurize, good)
    return Packed(store, rejects | failed, {i: text for i, text in notes.items() if i not in failed})


def _pack_quickly(
    smiles: Sequence[str], *, spec: Spec | None, standardize: StandardizeSpec, max_atoms: int, identities: bool
) -> Packed:
    """As `_pack_chunk`, which is given only what is left."""
    read = cuik.pack_smiles(smiles, max_atoms)
    left = sorted({*range(len(smiles))}.difference(read.done))
    if not left:
        return Packed(read.store, {}, {})
    rest = _pack_chunk(
        [smiles[i] for i in left], spec=spec, standardize=standardize, max_atoms=max_atoms, identities=identities
    )
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


def _featurize(featurizer: Featurizer | None, molecules: list[Standard], *, identities: bool) -> PackedStore:
    mols = [m.mol for m in molecules]
    store = empty(len(mols)) if featurizer is None else featurizer.pack(mols)
    if not identities:
        return store
    extra = {
        "inchikey": np.array([identity(m).encode() for m in mols]),
        "scaffold": np.array([scaffold(m).encode() for m in mols], "S20"),
        "facts": np.array([describe(m.written) for m in molecules], FACTS),
    }
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


def _key(smiles: Sequence[str], spec: Spec | None, standardize: StandardizeSpec, max_atoms: int) -> str:
    about = {
        "schema": SCHEMA,
        "featurizer": "none" if spec is None else digest(FEATURIZERS.build(spec).describe()),
        "standardizer": digest(STANDARDIZERS.build(standardize).describe()),
        "rdkit": rdkit.__version__,
        "max_atoms": max_atoms,
        **{package: version(package) for name, package in PACKAGES.items() if name in getattr(spec, "names", ())},
    }
    text = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for s in smiles:
        text.update(s.encode() + b"\n")
    return text.hexdigest()[:32]
