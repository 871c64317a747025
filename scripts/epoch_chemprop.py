"""Chemprop's side of benchmark_epoch.py, which runs it in Chemprop's own environment and says when an epoch may run."""

import json
import logging
import sys
import time
import warnings

import lightning.pytorch as pl
from chemprop import data, models, nn

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Clock(pl.Callback):
    """After the first batch of an epoch, wait for the turn; after the last one, print the seconds in between."""

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if batch_idx == 0:
            sys.stdin.readline()
            self.start = time.perf_counter(), time.process_time()
        if batch_idx == trainer.num_training_batches - 1:
            print(json.dumps([time.perf_counter() - self.start[0], time.process_time() - self.start[1]]), flush=True)


if __name__ == "__main__":
    smiles, labels, epochs = json.loads(sys.stdin.readline())
    points = [data.MoleculeDatapoint.from_smi(s, [y]) for s, y in zip(smiles, labels)]  # noqa: B905
    dataset = data.MoleculeDataset(points)
    scaler = dataset.normalize_targets()
    dataset.cache = True
    loader = data.build_dataloader(dataset, batch_size=64, num_workers=0, shuffle=True, seed=0)
    unscale = nn.UnscaleTransform.from_standard_scaler(scaler)
    model = models.MPNN(
        nn.BondMessagePassing(d_h=300, depth=3), nn.NormAggregation(), nn.RegressionFFN(output_transform=unscale)
    )
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        callbacks=[Clock()],
    )
    trainer.fit(model, loader)
