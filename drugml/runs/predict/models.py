"""The models of one prediction, and what their columns are called."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from drugml.errors import UserError
from drugml.prediction.bundle import SPEC, load
from drugml.prediction.predictor import Predictor

log = logging.getLogger(__name__)
NAMED = re.compile(r"([A-Za-z_][\w.-]*)=(.+)", re.DOTALL)


class Model(NamedTuple):
    """A model that was opened."""

    label: str
    """What it is called among several, unique."""
    folder: Path
    """Its bundle."""
    predictor: Predictor


class ModelColumns(NamedTuple):
    """The columns that a model adds."""

    values: list[str]
    """Of each target its value; of an ensemble then of each target its disagreement between members."""
    status: str
    reason: str

    @property
    def all(self) -> list[str]:
        """In their order."""
        return [*self.values, self.status, self.reason]


def open_model(reference: str) -> Predictor:
    """Load a model from a bundle folder, a run folder, `models:/…`, or a run id.

    Raises:
        UserError: if there is none, or it fails its checks.
    """
    return load(_folder(reference))


def open_models(references: Sequence[str]) -> list[Model]:
    """Load models; `NAME=REFERENCE` says what one is called.

    Raises:
        UserError: as `open_model`.
    """
    opened: list[Model] = []
    for text in references:
        match = None if Path(text).exists() else NAMED.fullmatch(text)
        name, reference = match.groups() if match else ("", text)
        folder = _folder(reference)
        label = _free(name or _label(reference, folder), [m.label for m in opened], "")
        opened.append(Model(label, folder, load(folder)))
    return opened


def name_columns(models: Sequence[Model], taken: Sequence[str]) -> list[ModelColumns]:
    """What each model's columns are called: one that the input has already gets another name, which is said.

    A single model's columns have the names of its targets, of an ensemble also TARGET_std; those of several models have
    the model's label as well.
    """
    used = list(taken)
    named = []
    for model in models:
        names, spec = [], model.predictor.spec
        for plain in (*spec.targets, *spec.spreads, "status", "reason"):
            wished = f"{model.label}:{plain}" if len(models) > 1 else plain
            names.append(_free(wished, used, "_pred"))
            if names[-1] != wished:
                log.info("the input has a column %r: the prediction's is %r", wished, names[-1])
            used.append(names[-1])
        named.append(ModelColumns(names[:-2], names[-2], names[-1]))
        if len(models) > 1:
            log.info("model %s: columns %s", model.label, ", ".join(map(repr, names)))
    return named


def _folder(reference: str) -> Path:
    """The bundle behind a reference."""
    folder = Path(reference)
    if folder.is_dir():
        return folder if (folder / SPEC).exists() or not (folder / "bundle").is_dir() else folder / "bundle"
    try:
        from drugml.tracking.models import fetch  # MLflow, which bundles in folders do without
        from drugml.tracking.store import connect
    except ImportError as error:
        raise UserError(
            f"{reference}: no such folder, and MLflow is not installed to look it up ({error.name} is missing)"
        ) from None
    return fetch(connect(None), reference)


def _label(reference: str, folder: Path) -> str:
    if not Path(reference).is_dir():
        return reference.removeprefix("models:/")
    path = folder.resolve()
    return path.parent.name if path.name == "bundle" else path.name


def _free(name: str, taken: Sequence[str], ending: str) -> str:
    """A name that is not taken."""
    candidate, n = name, 1
    while candidate in taken:
        candidate = f"{name}{ending}" if n == 1 and ending else f"{name}{ending or '_'}{max(n, 2)}"
        n += 1
    return candidate
