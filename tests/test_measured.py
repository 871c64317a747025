"""The file of measured fits: read as it was written, and summed up."""

from pathlib import Path

import numpy as np
import pytest

from drugml.cli.measured import Fit, add, read, results

FITS = [
    Fit("gcn", "ESOL", "defaults", "random", 1, "rmse", 0.7, 20.5, 500_000),
    Fit("gcn", "ESOL", "defaults", "random", 0, "rmse", 0.5, 19.5, 500_000),
    Fit("gcn", "ESOL", "small", "random", 0, "rmse", 0.4, 60.0, 500_000),
    Fit("forest", "BBBP", "defaults", "scaffold", 0, "roc_auc", 0.71, 3.0, 0),
    Fit("forest", "BBBP", "defaults", "scaffold", 1, "roc_auc", 0.73, 3.0, 0),
]


def test_fits_are_read_as_they_were_added(tmp_path: Path) -> None:
    path = tmp_path / "measured.csv"
    assert read(path) == []
    for fit in FITS:
        add(path, fit)
    assert read(path) == FITS
    assert path.read_text().splitlines()[:2] == [
        "model,set,recipe,split,seed,metric,test,cpu_s,parameters",
        "gcn,ESOL,defaults,random,1,rmse,0.7,20.5,500000",
    ]


def test_seeds_of_one_model_set_and_recipe_are_summed_up() -> None:
    two, alone, trees = results(FITS)
    assert two.tests == [0.5, 0.7]
    assert two.score == f"{0.6:.3f} ± {np.std([0.5, 0.7], ddof=1):.3f}"
    assert two.how == "2 random splits"
    assert two.seconds == pytest.approx(20.0)
    assert (alone.score, alone.how) == ("0.400", "1 random split, preset small")
    assert trees.how == "2 seeds on one scaffold split"
    assert results(FITS[3:4])[0].how == "1 seed on one scaffold split"
