"""Write what the tests hold our statistics to; run it where the originals are installed.

    pip install statsmodels pingouin scikit-posthocs

tests/golden/statistics.json: scores of models on folds, and what these packages say of them.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pingouin
import scikit_posthocs
from statsmodels.stats.anova import AnovaRM

CASES = [(25, 4, 0), (10, 3, 1), (5, 5, 2)]


def case(folds: int, models: int, seed: int) -> dict[str, object]:
    """Scores with effects of folds and models."""
    rng = np.random.default_rng(seed)
    scores = (
        rng.normal(0, 0.2, (folds, 1)) + rng.normal(0, 0.1, (folds, models)) + np.linspace(0.6, 0.75, models)
    ).round(6)
    long = pd.DataFrame(
        [(f, m, scores[f, m]) for f in range(folds) for m in range(models)], columns=["fold", "model", "score"]
    )
    anova = AnovaRM(long, "score", "fold", within=["model"]).fit().anova_table
    pairs = pingouin.pairwise_tests(data=long, dv="score", within="model", subject="fold", padjust="holm")
    conover = scikit_posthocs.posthoc_conover_friedman(scores, p_adjust="holm").to_numpy()
    friedman = pingouin.friedman(data=long, dv="score", within="model", subject="fold")
    column = next(c for c in pairs.columns if c in ("p-corr", "p_corr"))
    return {
        "scores": scores.tolist(),
        "anova_f": float(anova["F Value"].iloc[0]),
        "paired_t_holm": pairs[column].tolist(),
        "conover_holm": conover.tolist(),
        "friedman_p": float(friedman[next(c for c in friedman.columns if c.startswith("p"))].iloc[0]),
    }


if __name__ == "__main__":
    path = Path(__file__).parents[1] / "tests/golden/statistics.json"
    path.write_text(json.dumps([case(*c) for c in CASES], indent=1) + "\n")
    print(path)
