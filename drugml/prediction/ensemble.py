"""Several trained models as one: the mean of what they say, and how far they disagree.

Shape letters: K members, I indices, T targets.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drugml.data.batch import DeviceStore
from drugml.data.store import PackedStore
from drugml.prediction.spec import BundleSpec
from drugml.prediction.trained import Trained, TrainedNetwork, Values, outputs_of, restore
from drugml.tasks.task import Scaling


class TrainedEnsemble:
    """Members of one kind, each with the scaling of the labels that it learned from.

    Averaged are values in the scale that was learned (of a log10 target the logarithms) and probabilities, never raw
    outputs, which members scale each in its own way.
    """

    def __init__(self, members: Sequence[Trained]) -> None:
        self.members, self.device = list(members), members[0].device

    def predict(self, store: PackedStore, indices: NDArray[np.int64], batch_size: int | list[int]) -> Values:
        """The mean over members, (I, T)."""
        return np.asarray(self.each(store, indices, batch_size).mean(axis=0))

    def each(self, store: PackedStore, indices: NDArray[np.int64], batch_size: int | list[int]) -> Values:
        """What each member says, (K, I, T); molecules are gathered once for all of them."""
        networks = [m for m in self.members if isinstance(m, TrainedNetwork)]
        if networks:
            packed = DeviceStore(store, networks[0].layout, self.device)
            raw = outputs_of([m.network for m in networks], packed, torch.as_tensor(indices), batch_size)
            return np.stack([m.values(out) for m, out in zip(networks, raw, strict=True)])
        return np.stack([m.predict(store, indices, batch_size) for m in self.members])

    def tensors(self) -> dict[str, Tensor]:
        """Those of each member, behind its number from 0 and a point."""
        return {f"{i}.{k}": t for i, m in enumerate(self.members) for k, t in m.tensors().items()}


def spread(each: Values) -> Values:
    """Standard deviation between members (denominator K - 1), (K, I, T) to (I, T)."""
    with np.errstate(invalid="ignore", over="ignore"):  # of infinities it is NaN
        return np.asarray(each.std(axis=0, ddof=1))


def restored(spec: BundleSpec, tensors: Mapping[str, Tensor]) -> Trained:
    """The trained model of a bundle, single or an ensemble.

    Raises:
        RuntimeError, KeyError: if the tensors do not fit.
    """
    parts = (spec.model, spec.head, spec.featurizer, spec.task)
    if not spec.members:
        return restore(*parts, Scaling(spec.shift, spec.scale), tensors)
    own: list[dict[str, Tensor]] = [{} for _ in spec.members]
    for name, tensor in tensors.items():
        number, _, rest = name.partition(".")
        if not number.isdecimal() or int(number) >= len(own):
            raise KeyError(f"{name} is of none of {len(own)} members")
        own[int(number)][rest] = tensor
    return TrainedEnsemble(
        [restore(*parts, Scaling(m.shift, m.scale), t) for m, t in zip(spec.members, own, strict=True)]
    )
