"""The encoder that a run starts from: found by any reference, checked, recorded, and held against the test fold."""

import logging
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from drugml.config.run import RunSpec
from drugml.data.splits import SplitPlan
from drugml.data.store import PackedStore
from drugml.data.table import Table
from drugml.errors import UserError
from drugml.prediction.bundle import SPEC
from drugml.prediction.source import Source, check_fits, of_bundle, of_checkpoint
from drugml.tracking.find import download, lookup
from drugml.tracking.models import choose, fetch
from drugml.tracking.store import connect
from drugml.training.transfer import told

log = logging.getLogger(__name__)
CHECKPOINT, BUNDLE, SPLIT = "last.ckpt", "bundle", "split.csv"
"""Of a run folder; `outcome` and `inputs`, which write them, stand above this."""
HASH, SEEN = "drugml.init_hash", "drugml.init_seen_in_test"


def find_source(config: RunSpec) -> Source | None:
    """The encoder that `train.init_from` names, which fits the model of the config.

    Raises:
        UserError: if there is none, or it is another one.
    """
    reference = config.train.init_from
    if reference is None:
        return None
    path = Path(reference)
    if path.is_file():
        source = of_checkpoint(path, str(path.absolute()))
    elif path.is_dir():
        source = _of_folder(path)
    else:
        source = _of_store(config, reference)
    check_fits(source, config.model, config.with_featurizer().featurizer)
    if source.standardize != config.data.standardize:
        log.warning(
            "train.init_from: its molecules were standardised otherwise (%s there, %s here)",
            getattr(source.standardize, "kind", "?"),
            getattr(config.data.standardize, "kind", "?"),
        )
    return source


def lineage(source: Source | None) -> dict[str, str]:
    """Tags that say what a run started from; a resumed run must find the same hash."""
    if source is None:
        return {}
    known = {"drugml.init_run": source.run} if source.run else {}
    return {"drugml.init_from": source.reference, HASH: source.hash, "drugml.init_loaded": told(source), **known}


def unseen(source: Source | None, test: Sequence[bytes], uri: str | None) -> dict[str, str]:
    """How many test molecules an encoder was trained or chosen on, as a tag; said aloud, also that nobody knows.

    Args:
        source: the encoder.
        test: InChIKeys of the molecules that are tested on.
        uri: tracking URI, as in `connect`.
    """
    if source is None:
        return {}
    seen = _seen(source, uri)
    if seen is None:
        log.warning(
            "train.init_from: the molecules that the encoder was trained on are not known here; "
            "if it has seen those of the test fold, the test metrics are too good"
        )
        return {SEEN: "unknown"}
    shared = sum(k.decode() in seen for k in test)
    if shared:
        log.warning(
            "train.init_from: the encoder has seen %d of the %d test molecules (with their labels of %s); "
            "the test metrics may be too good: train it anew without them",
            shared,
            len(test),
            ", ".join(source.targets[:3]),
        )
    else:
        log.info("train.init_from: the encoder has seen none of the %d test molecules", len(test))
    return {SEEN: str(shared)}


def test_keys(store: PackedStore, plans: Iterable[SplitPlan]) -> list[bytes]:
    """InChIKeys of the molecules in any test fold."""
    at = np.unique(np.concatenate([p.indices("test") for p in plans]))
    return list(np.asarray(store.molecule["inchikey"])[at].tolist())


def _of_folder(folder: Path) -> Source:
    if not (folder / SPEC).exists():
        if (folder / BUNDLE).is_dir():
            folder = folder / BUNDLE
        elif (folder / CHECKPOINT).is_file():
            return of_checkpoint(folder / CHECKPOINT, str(folder.absolute() / CHECKPOINT))
    return of_bundle(folder, str(folder.absolute()))


def _of_store(config: RunSpec, reference: str) -> Source:
    """An alias becomes the version that it stands for now: a later run must find the same encoder."""
    store = connect(config.tracking.uri)
    if match := re.fullmatch(r"models:/([^@/]+)@([^@/]+)", reference):
        reference = choose(store, *match.groups()).uri
    elif not reference.startswith("models:/"):
        reference = lookup(store, reference).run_id
    return of_bundle(fetch(store, reference), reference)


def _seen(source: Source, uri: str | None) -> set[str] | None:
    """InChIKeys in the training and validation folds of the run that made an encoder, if its split file is found."""
    if source.run is None:
        return None
    beside = Path(source.reference).parent / SPLIT
    with tempfile.TemporaryDirectory() as folder:
        try:
            if not beside.is_file():
                beside = download(lookup(connect(uri), source.run), SPLIT, Path(folder))
            table = Table(beside)
            key, fold = table.columns.index("inchikey"), table.columns.index("fold")
            return {row.cells[key] for row in table if row.cells[fold] in ("train", "val")}
        except (UserError, ValueError):
            return None
