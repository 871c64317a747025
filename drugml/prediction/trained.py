"""What was learned, networks and baselines behind one interface: a packed store in, values out.

Shape letters: M molecules of the store, I indices, T targets.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drugml.config.base import Spec
from drugml.data.batch import DeviceStore
from drugml.data.memory import keep_freed
from drugml.data.store import GraphLayout, PackedStore
from drugml.featurizers import FEATURIZERS
from drugml.models import BASELINES
from drugml.models.baseline import Baseline
from drugml.models.network import Network
from drugml.tasks import TASKS
from drugml.tasks.task import Scaling, Task

Values = NDArray[np.float64]


class Trained(Protocol):
    """A model that has learned."""

    def predict(self, store: PackedStore, indices: NDArray[np.int64], batch_size: int | list[int]) -> Values:
        """Values in target units or probabilities, (I, T); of batches of this size, or of these sizes in order."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """All that was learned, by name."""
        ...


class TrainedNetwork:
    """A network with its task and scaling, on the best device there is."""

    def __init__(self, network: Network, layout: GraphLayout, task: Task, scaling: Scaling) -> None:
        keep_freed()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = network.to(self.device).eval()
        self.layout, self.task, self.scaling = layout, task, scaling

    def predict(self, store: PackedStore, indices: NDArray[np.int64], batch_size: int | list[int]) -> Values:
        packed = DeviceStore(store, self.layout, self.device)
        out = outputs(self.network, packed, torch.as_tensor(indices), batch_size)
        return self.task.predictions(out.double().cpu().numpy(), self.scaling)

    def tensors(self) -> dict[str, Tensor]:
        return {k: v.detach().cpu().contiguous() for k, v in self.network.state_dict().items()}


class TrainedBaseline:
    """A baseline, which speaks in values itself."""

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline

    def predict(self, store: PackedStore, indices: NDArray[np.int64], batch_size: int | list[int]) -> Values:
        return self.baseline.predict(np.asarray(store.molecule["fingerprint"][indices]))

    def tensors(self) -> dict[str, Tensor]:
        return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in self.baseline.arrays().items()}


def outputs(network: torch.nn.Module, packed: DeviceStore, indices: Tensor, batch_size: int | list[int]) -> Tensor:
    """Raw outputs (I, T), float32, in evaluation mode and without gradients."""
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        parts = [network(packed.batch(i)).float() for i in indices.split(batch_size)]
    network.train(was_training)
    return torch.cat(parts)


def layout_of(featurizer: Spec) -> GraphLayout:
    """The one-hot layout that a graph featurizer promises."""
    layout = FEATURIZERS.build(featurizer).layout()  # type: ignore[attr-defined]
    assert isinstance(layout, GraphLayout)
    return layout


def restore(
    model: Spec, head: Spec, featurizer: Spec, task: Spec, scaling: Scaling, tensors: Mapping[str, Tensor]
) -> Trained:
    """Rebuild what `tensors()` gave.

    Raises:
        RuntimeError, KeyError: if the tensors do not fit the model.
    """
    if type(model) in BASELINES:
        baseline = BASELINES.build(model)
        baseline.restore({k: v.numpy() for k, v in tensors.items()})
        return TrainedBaseline(baseline)
    layout = layout_of(featurizer)
    network = Network(model, head, layout, len(scaling.shift))  # type: ignore[arg-type]
    network.load_state_dict(dict(tensors))
    return TrainedNetwork(network, layout, TASKS.build(task), scaling)
