"""How long `drugml runs list` takes in an experiment of many runs, beside the one MLflow call that it rests on.

    python scripts/benchmark_runs_list.py --runs 500

Runs are made first, which takes longer (0.1 to 0.2 s each).
"""

import argparse
import os
import tempfile
import time

from drugml.runs.listing import listed
from drugml.tracking.run import start
from drugml.tracking.store import Store, connect

from mlflow.entities import Metric, Param  # isort: skip


def make(store: Store, number: int) -> None:
    """Runs with as many params, metrics and tags as a training run has."""
    for i in range(number):
        tags = {"drugml.kind": "train", **{f"drugml.t{k}": "x" * 40 for k in range(8)}}
        run_id = start(store, "many", f"run {i}", tags)
        metrics = [Metric("test/rmse", 1.0, 0, 0), *(Metric(f"test/m{k}", 1.0 + k, 0, 0) for k in range(24))]
        params = [Param("task.kind", "regression"), *(Param(f"p.{k}", str(k)) for k in range(40))]
        store.client.log_batch(run_id, metrics, params)
        store.client.set_terminated(run_id)


def main() -> None:
    """Print seconds of both and their ratio; the best of three, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    number = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        store = connect(None)
        make(store, number)
        experiment = store.client.get_experiment_by_name("many").experiment_id
        ours, ceiling = [], []
        for _ in range(3):
            begin = time.perf_counter()
            rows = listed("many", None, number, None).rows
            ours.append(time.perf_counter() - begin)
            assert len(rows) == number
            begin = time.perf_counter()
            store.client.search_runs([experiment], max_results=number)
            ceiling.append(time.perf_counter() - begin)
        best, least = min(ours), min(ceiling)
        print(f"{number} runs: runs list {best:.2f} s, MLflow's search alone {least:.2f} s, ratio {best / least:.2f}")


if __name__ == "__main__":
    main()
