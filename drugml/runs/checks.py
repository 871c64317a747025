"""What would stop a run is found before anything is recorded."""

from collections.abc import Sequence

from drugml.config.base import Spec
from drugml.config.run import RunSpec
from drugml.errors import UserError
from drugml.featurizers import FEATURIZERS
from drugml.models import BASELINES, ENCODERS
from drugml.runs.dataset import Dataset
from drugml.runs.members import members_of
from drugml.tracking.run import metric_key
from drugml.training.fit import check_devices, check_monitor, check_validation
from drugml.training.likelihood import check_objective


def check_config(config: RunSpec) -> None:
    """Refuse what cannot be trained or logged, whatever the data.

    Raises:
        UserError: for hardware or a library that is not there, or targets that MLflow could not tell apart.
    """
    check_library(type(config.model))
    FEATURIZERS.build(config.with_featurizer().featurizer)  # says it if the package of its descriptors is missing
    check_devices(config.train)
    if config.train.devices * config.train.nodes > 1 and type(config.model) in BASELINES:
        raise UserError(
            f"train.devices = {config.train.devices}, train.nodes = {config.train.nodes}: {config.model.name!r} is no "
            "network, it learns in one process; use 1 of both"
        )
    _check_names(config.data.targets)


def check_library(model: type[Spec]) -> None:
    """Refuse a baseline whose library is missing, which it says when it is built.

    Raises:
        UserError: naming the extra to install.
    """
    if model in BASELINES:
        BASELINES.build(model())


def check_dataset(dataset: Dataset) -> None:
    """Refuse a monitor that could not choose an epoch, losses that data or model lack, and members without labels.

    Raises:
        UserError: with what to use instead.
    """
    check_monitor(dataset.config)
    check_objective(dataset.config, dataset.training)
    for each in members_of(dataset) if dataset.config.ensemble.whole else [dataset]:
        if type(dataset.config.model) in ENCODERS:  # a baseline has no epochs to choose from
            check_validation(dataset.config, each.training)


def _check_names(targets: Sequence[str]) -> None:
    """Refuse targets that MLflow could not tell apart: their metrics would overwrite each other."""
    by_key: dict[str, str] = {}
    for name in targets:
        other = by_key.setdefault(metric_key(name), name)
        if other != name:
            raise UserError(
                f"targets {other!r} and {name!r}: both are called {metric_key(name)!r} in MLflow, which allows "
                "letters, digits and _ - . / : only; rename one column"
            )
