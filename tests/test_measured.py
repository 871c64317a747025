"""The file of measured fits: read as it was written, and summed up."""

from pathlib import Path

import numpy as np
import pytest

from drugml.cli.measured import Fit, add, beside_reference, ranked, read, results
from tests.conftest import Cli

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


def fit(model: str, seed: int, test: float, set_: str = "ESOL", recipe: str = "defaults") -> Fit:
    split, metric = ("scaffold", "roc_auc") if set_ in ("BACE", "BBBP") else ("random", "rmse")
    return Fit(model, set_, recipe, split, seed, metric, test, 1.0, 0)


def test_models_are_ranked_by_what_they_are_on_the_same_splits() -> None:
    """The second split is twice as hard, so that a mean over the first alone says nothing."""
    fits = [
        *(fit("dmpnn", seed, test) for seed, test in [(0, 0.5), (1, 1.0)]),
        fit("easy", 0, 0.6),
        *(fit("both", seed, test) for seed, test in [(0, 0.4), (1, 0.9)]),
        fit("apart", 7, 0.1),
        fit("tuned", 1, 0.2, recipe="small"),
        *(fit("dmpnn", seed, test, "BACE") for seed, test in [(0, 0.7), (1, 0.8)]),
        fit("sure", 5, 0.76, "BACE"),
    ]
    found = [(r.fits[0].model, r.fits[0].set, None if d is None else round(d, 6)) for r, d in ranked(results(fits))]
    assert found == [
        ("both", "ESOL", -0.1),
        ("dmpnn", "ESOL", 0.0),
        ("easy", "ESOL", 0.1),
        ("apart", "ESOL", None),
        ("tuned", "ESOL", -0.8),
        ("sure", "BACE", 0.01),
        ("dmpnn", "BACE", 0.0),
    ]
    assert beside_reference(results(fits[2:3])[0], []) is None


def test_what_was_measured_is_listed_the_best_first(cli: Cli) -> None:
    every = cli("models", "measured")
    assert every.code == 0
    heads = [line for line in every.out.splitlines() if not line.startswith(" ")]
    assert heads[0] == "FreeSolv: test rmse, lower is better; beside dmpnn on the same splits"
    assert [h.partition(":")[0] for h in heads] == ["FreeSolv", "ESOL", "Lipophilicity", "BACE", "BBBP"]
    one = cli("models", "measured", "bace").out.splitlines()
    assert one[0] == "BACE: test roc_auc, higher is better; beside dmpnn on the same splits"
    assert "\n".join(one) in every.out
    plain = [float(line.split("CPU s")[0].split()[-2]) for line in one[1:] if "preset" not in line]
    assert len(plain) > 20
    assert plain == sorted(plain, reverse=True)
    wrong = cli("models", "measured", "BACEE")
    assert wrong.code == 2
    assert "error: no model was measured on 'BACEE'; did you mean 'BACE'?" in wrong.err
