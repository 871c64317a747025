"""What was learned, networks and baselines behind one interface: a packed store in, values out.

Shape letters: M molecules of the store, I indices, T targets.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drugml.config.base import Spec
from drugml.config.descriptors import DescribedSpec
from drugml.data.batch import DeviceStore
from drugml.data.memory import keep_freed
from drugml.data.store import Layout, PackedStore
from drugml.featurizers import DESCRIPTORS, FEATURIZERS
from drugml.models import BASELINES
from drugml.models.baseline import Baseline
from drugml.models.encodings import encoder_of
from drugml.models.network import Network
from drugml.tasks import TASKS
from drugml.tasks.task import Scaling, Task

Values = NDArray[np.float64]
FILL = "descriptors.fill"
"""Among the tensors of a baseline."""


class Trained(Protocol):
    """A model that has learned."""

    device: torch.device
    """Where it computes."""

    def predict(self, store: PackedStore, indices: NDArray[np.int64], batch_size: int | list[int]) -> Values:
        """Values in target units or probabilities, (I, T); of batches of this size, or of these sizes in order."""
        ...

    def each(self, store: PackedStore, indices: NDArray[np.int64], batch_size: int | list[int]) -> Values:
        """The same of each member, (K, I, T); a single model is its only member."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """All that was learned, by name."""
        ...


class TrainedNetwork:
    """A network with its task and scaling, on the best device there is."""

    def __init__(self, network: Network, layout: Layout, task: Task, scaling: Scaling) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = network.to(self.device).eval()
        self.layout, self.task, self.scaling = layout, task, scaling

    def predict(self, store: PackedStore, indices: NDArray[np.int64], batch_size: int | list[int]) -> Values:
        packed = DeviceStore(store, self.layout, self.device)
        return self.values(outputs(self.network, packed, torch.as_tensor(indices), batch_size))

    def each(self, store: PackedStore, indices: NDArray[np.int64], batch_size: int | list[int]) -> Values:
        return self.predict(store, indices, batch_size)[None]

    def values(self, out: Tensor) -> Values:
        """Values in target units or probabilities, (I, T), from raw outputs (I, T)."""
        return self.task.predictions(out.double().cpu().numpy(), self.scaling)

    def tensors(self) -> dict[str, Tensor]:
        return {k: v.detach().cpu().contiguous() for k, v in self.network.state_dict().items()}


class TrainedBaseline:
    """A baseline, which speaks in values itself.

    `fill` (V,) is what stands for descriptors that are undefined: the medians of the training molecules.
    """

    def __init__(self, baseline: Baseline, fill: Values | None = None) -> None:
        self.baseline, self.fill, self.device = baseline, fill, torch.device("cpu")

    def predict(self, store: PackedStore, indices: NDArray[np.int64], batch_size: int | list[int]) -> Values:
        return self.baseline.predict(columns(store, indices, self.fill))

    def each(self, store: PackedStore, indices: NDArray[np.int64], batch_size: int | list[int]) -> Values:
        return self.predict(store, indices, batch_size)[None]

    def tensors(self) -> dict[str, Tensor]:
        arrays = self.baseline.arrays() | ({} if self.fill is None else {FILL: self.fill})
        return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in arrays.items()}


def columns(store: PackedStore, indices: NDArray[np.int64], fill: Values | None) -> NDArray[Any]:
    """What a baseline reads of some molecules: counts (I, L), uint8; with descriptors beside, (I, L + V), float32."""
    counts = np.asarray(store.molecule["fingerprint"][indices])
    if fill is None:
        return counts
    values = np.asarray(store.molecule["descriptors"][indices])
    return np.hstack([counts.astype(np.float32), np.where(np.isnan(values), fill.astype(np.float32), values)])


def medians(store: PackedStore, indices: NDArray[np.int64]) -> Values | None:
    """Of the descriptors of some molecules, (V,); 0 for one that all of them lack, None where there are none."""
    if "descriptors" not in store.molecule:
        return None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice encountered")
        found = np.nanmedian(store.molecule["descriptors"][indices].astype(np.float64), axis=0)
    return np.asarray(np.nan_to_num(found))


def outputs(network: torch.nn.Module, packed: DeviceStore, indices: Tensor, batch_size: int | list[int]) -> Tensor:
    """Raw outputs (I, T), float32, in evaluation mode and without gradients."""
    return outputs_of([network], packed, indices, batch_size)[0]


def outputs_of(
    networks: Sequence[torch.nn.Module], packed: DeviceStore, indices: Tensor, batch_size: int | list[int]
) -> list[Tensor]:
    """Raw outputs of several networks, each as `outputs`; a batch is gathered once for all of them.

    Of molecules with several conformers the mean over them.
    """
    keep_freed()
    were_training = [n.training for n in networks]
    parts: list[list[Tensor]] = [[] for _ in networks]
    for network in networks:
        network.eval()
    with torch.inference_mode():
        for at in indices.split(batch_size):
            each = [[network(batch).float() for network in networks] for batch in packed.each_conformer(at)]
            for own, of_one in zip(parts, zip(*each, strict=True), strict=True):
                own.append(of_one[0] if len(of_one) == 1 else torch.stack(of_one).mean(dim=0))
    for network, was in zip(networks, were_training, strict=True):
        network.train(was)
    return [torch.cat(p) for p in parts]


def layout_of(featurizer: Spec) -> Layout:
    """What a network gets from a featurizer."""
    assert isinstance(featurizer, DescribedSpec)
    plain = FEATURIZERS.build(featurizer.model_copy(update={"descriptors": ()}))
    layout = getattr(plain, "layout", Layout)()  # that of atoms and bonds, where it gives a graph
    return layout._replace(
        fingerprint=sum(getattr(featurizer, "widths", ())),
        descriptors=sum(len(DESCRIPTORS.build(part).names) for part in featurizer.descriptors),
        descriptor_scale=featurizer.descriptor_scale,
    )


def default_size(model: Spec) -> int:
    """Numbers that an encoder learns on the featurizer that it is best known with."""
    with torch.device("meta"):  # nothing is drawn, nothing takes memory
        encoder = encoder_of(model, layout_of(model.featurizer))  # type: ignore[attr-defined]
    assert isinstance(encoder, torch.nn.Module)
    return sum(p.numel() for p in encoder.parameters())


def restore(
    model: Spec, head: Spec, featurizer: Spec, task: Spec, scaling: Scaling, tensors: Mapping[str, Tensor]
) -> Trained:
    """Rebuild what `tensors()` gave.

    Raises:
        RuntimeError, KeyError: if the tensors do not fit the model.
    """
    if type(model) in BASELINES:
        baseline = BASELINES.build(model)
        arrays = {k: v.numpy() for k, v in tensors.items()}
        fill = arrays.pop(FILL, None)
        baseline.restore(arrays)
        return TrainedBaseline(baseline, fill)
    layout = layout_of(featurizer)
    network = Network(model, head, layout, len(scaling.shift))  # type: ignore[arg-type]
    network.load_state_dict(dict(tensors))
    return TrainedNetwork(network, layout, TASKS.build(task), scaling)
