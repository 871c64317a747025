"""The whole run config: what `drugml train` reads."""

from typing import Any, Self

from pydantic import model_validator

from drugml.config.base import Spec
from drugml.config.data import DataSpec
from drugml.config.encoders import EncoderSpec
from drugml.config.ensemble import EnsembleSpec
from drugml.config.featurizers import AutoFeaturizer, FeaturizerSpec
from drugml.config.models import DmpnnSpec, HeadSpec, ModelSpec
from drugml.config.tasks import AutoTask, TaskSpec
from drugml.config.training import TrainSpec
from drugml.errors import nearest

BATCH_SIZE, SMALLER = 64, ((2000, 16), (4000, 32))
"""Molecules per batch, and fewer in tables of up to so many molecules, where an epoch would have too few steps."""


class TrackingSpec(Spec):
    """Where the run is recorded."""

    uri: str | None = None
    """MLflow tracking URI; otherwise MLFLOW_TRACKING_URI, otherwise mlflow.db in the current folder."""
    experiment: str | None = None
    """MLflow experiment; by default the name of the table, so that runs on one table can be compared."""
    run: str | None = None
    """Name of the run; by default the name of the model."""
    register_as: str | None = None
    """Registered model that gets a new version; by default table and targets."""
    folder: str = "runs"
    """Folder for checkpoints, rejects, split and bundle of each run."""


class RunSpec(Spec):
    """One training run."""

    data: DataSpec
    task: TaskSpec = AutoTask()
    featurizer: FeaturizerSpec = AutoFeaturizer()
    model: ModelSpec = DmpnnSpec()
    head: HeadSpec = HeadSpec()
    train: TrainSpec = TrainSpec()
    ensemble: EnsembleSpec = EnsembleSpec()
    tracking: TrackingSpec = TrackingSpec()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        units = getattr(self.task, "units", {})
        if unknown := [t for t in units if t not in self.data.targets]:
            raise ValueError(
                f"task.units names {unknown[0]!r}, which is no target; {nearest(unknown[0], self.data.targets)}"
            )
        if self.train.init_from is not None and not isinstance(self.model, EncoderSpec):
            raise ValueError(f"train.init_from is for networks; model {self.model.name!r} has no encoder")
        gives = getattr(self.featurizer, "gives", None)
        if gives not in (None, self.model.takes):
            raise ValueError(
                f"model {self.model.name!r} takes a {self.model.takes}, but featurizer "
                f"{self.featurizer.name!r} gives a {gives}; leave `featurizer` out or set featurizer=auto"
            )
        vectors = isinstance(self.model, EncoderSpec) and self.model.takes == "fingerprint"
        if self.train.batch_atoms is not None and vectors:
            raise ValueError(f"train.batch_atoms: model {self.model.name!r} sees no atoms; use train.batch_size")
        featurizer = self.with_featurizer().featurizer
        descriptors = featurizer.descriptors
        if descriptors and not getattr(self.model, "takes_descriptors", True):
            raise ValueError(
                f"model {self.model.name!r} has no use for featurizer.descriptors; leave "
                "them out, or use a model that learns from numbers, such as boosting or mlp"
            )
        if featurizer.descriptor_scale != "rank" and not (descriptors and isinstance(self.model, EncoderSpec)):
            raise ValueError(
                f"featurizer.descriptor_scale = {featurizer.descriptor_scale!r} is for networks that get descriptors; "
                f"leave it out, or set featurizer.descriptors and a network (model is {self.model.name!r})"
            )
        if self.featurizer.name == "none" and not descriptors:
            raise ValueError(
                "featurizer 'none' leaves nothing to learn from; add descriptors, such as featurizer.descriptors=rdkit"
            )
        several = self.ensemble.members > 1
        if several and self.ensemble.by == "seed" and not getattr(self.model, "seeded", True):
            raise ValueError(
                f"ensemble.by = 'seed': {self.model.name!r} learns the same from the same molecules whatever the seed, "
                "so that members would not differ; use ensemble.by=bagging or ensemble.by=fold"
            )
        return self

    def with_member_seed(self) -> Self:
        """The same run with the seed of the ensemble's member that it trains: the first has `train.seed`."""
        number = self.ensemble.member or 1
        return self.model_copy(update={"train": self.train.model_copy(update={"seed": self.train.seed + number - 1})})

    def with_batch_size(self, molecules: int) -> Self:
        """The same run with `train.batch_size: auto` replaced by what it is for so many molecules.

        Those of all folds together, so that every fold of a cross-validation has batches of one size.
        """
        if self.train.batch_size != "auto":
            return self
        size = next((size for most, size in SMALLER if molecules <= most), BATCH_SIZE)
        return self.model_copy(update={"train": self.train.model_copy(update={"batch_size": size})})

    def with_featurizer(self) -> Self:
        """The same run with `featurizer: auto` replaced by the one it stands for."""
        if self.featurizer.name != "auto":
            return self
        known, asked = self.model.featurizer, self.featurizer
        update: dict[str, Any] = {"descriptor_scale": asked.descriptor_scale}
        if asked.descriptors is not None:
            update["descriptors"] = asked.descriptors
        return self.model_copy(update={"featurizer": known.model_copy(update=update)})
