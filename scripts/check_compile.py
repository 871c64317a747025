"""Compile every network that `train.compile` is built for and compare outputs and gradients with the plain network.

    python scripts/check_compile.py [NAME ...]

One training step of the sample molecules at width 32; compiling takes from ten seconds to minutes for each.
"""

import sys
import time
from pathlib import Path

import torch
from rdkit import Chem

from drugml.config.models import HeadSpec
from drugml.data.batch import DeviceStore
from drugml.featurizers import FEATURIZERS
from drugml.models import ENCODERS
from drugml.models.network import Network
from drugml.prediction.trained import layout_of
from drugml.training.compiled import Compiled

SMILES = (Path(__file__).parents[1] / "tests/data/molecules.smi").read_text().split()


def main() -> None:
    """Print a line for each network."""
    mols = [Chem.MolFromSmiles(s) for s in SMILES]
    for spec in ENCODERS:
        name = spec().name  # type: ignore[attr-defined]
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        if not spec.compiles:  # type: ignore[attr-defined]
            print(f"{name:<14}not built for it", flush=True)
            continue
        featurizer = spec.featurizer  # type: ignore[attr-defined]
        layout, store = layout_of(featurizer), FEATURIZERS.build(featurizer).pack(mols)
        torch.manual_seed(0)
        network = Network(spec(hidden_dim=32), HeadSpec(hidden_dim=32), layout, 1)
        packed, whole = DeviceStore(store, layout, torch.device("cpu")), torch.arange(len(mols))
        begin = time.monotonic()
        compiled = Compiled(network, packed, [whole])
        works = compiled.works([whole])
        seconds = time.monotonic() - begin
        if not works:
            print(f"{name:<14}FAILS after {seconds:.0f} s", flush=True)
            continue
        worst = []
        for run in (network, compiled):
            network.zero_grad(set_to_none=True)
            out = run(packed.batch(whole))
            out.square().sum().backward()
            gradients = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
            worst.append((out.detach(), gradients))
        apart = [float((a - b).abs().max() / a.abs().max()) for a, b in zip(*worst, strict=True)]
        print(f"{name:<14}{seconds:4.0f} s   outputs {apart[0]:.0e}, gradients {apart[1]:.0e} apart", flush=True)


if __name__ == "__main__":
    main()
