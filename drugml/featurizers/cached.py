"""Packed stores kept in a cache, keyed by all that they depend on."""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path

import rdkit

from drugml.config.base import Spec
from drugml.config.standardize import StandardizeSpec
from drugml.data.cache import lock_of, prune, remove, size_limit, stores_folder, total_text, touch, used_bytes
from drugml.data.standardize import STANDARDIZERS
from drugml.data.status import Reject, Status
from drugml.data.store import PackedStore
from drugml.data.use import alone
from drugml.featurizers.featurizer import FEATURIZERS, PACKAGES, digest
from drugml.featurizers.pack import Packed, described, packing

log = logging.getLogger(__name__)

SCHEMA = 4
"""Raised when the meaning of a stored field changes."""


def pack_cached(
    smiles: Sequence[str], spec: Spec | None, *, standardize: StandardizeSpec, max_atoms: int, cache: Path, workers: int
) -> Packed:
    """As `pack` with identities, from the cache where the same was packed before.

    The key covers the SMILES, what standardizer and featurizer say of themselves, RDKit's version and this format;
    on any difference the work is done anew. Of several processes that want the same at once, one does it.

    Raises:
        UserError: if `DRUGML_CACHE_SIZE` is no size.
    """
    begun = packing_cached(smiles, spec, standardize=standardize, max_atoms=max_atoms, cache=cache, workers=workers)
    return begun()


def packing_cached(
    smiles: Sequence[str], spec: Spec | None, *, standardize: StandardizeSpec, max_atoms: int, cache: Path, workers: int
) -> Callable[[], Packed]:
    """Begin with what `pack_cached` does; what it returns gives the result."""
    limit = size_limit()
    folder = stores_folder(cache) / _key(smiles, spec, standardize, max_atoms)
    if (found := _cached(folder)) is not None:
        return partial(_same, found)
    lock = ExitStack()
    waiting = "features: another process is packing the same molecules; waiting for it"
    lock.enter_context(alone(lock_of(folder), waiting))
    if (found := _cached(folder)) is not None:
        lock.close()
        return partial(_same, found)
    wait = packing(smiles, spec, standardize=standardize, max_atoms=max_atoms, identities=True, workers=workers)

    def finish() -> Packed:
        with lock:
            packed = wait()
            if packed.store is not None and packed.store.nbytes <= limit:
                _write(folder, packed, what=f"{described(spec)}, standardized: {standardize.kind}")
        if used_bytes(cache) > limit and (removed := prune(cache, max_bytes=limit).removed):
            log.info("features: %s removed from the cache, DRUGML_CACHE_SIZE is reached", total_text(removed))
        return packed

    return finish


def _same(packed: Packed) -> Packed:
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
