"""How often `compare` finds a difference where there is none, and where there is one.

    python scripts/simulate_comparison.py --repetitions 200

Two ridge regressions on different halves of exchangeable descriptors are scored by 5 x 5 cross-validation. Without an
effect they are equally good for data of this kind, so that every verdict is false; with one, the first sees less noise.
`fixed data` draws only the seeds of two equal learners anew, as two seeds of one network would.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from drugml.evaluation.comparison.paired import corrected_t, ranks, tukey

Floats = NDArray[np.float64]
FOLDS, REPEATS, MOLECULES, HALF = 5, 5, 200, 10
TESTS = ("Tukey", "ranks", "corrected t")


def cross_validated(halves: tuple[Floats, Floats], y: Floats, jitter: float, rng: np.random.Generator) -> Floats:
    """RMSE of both models in every fold, (FOLDS * REPEATS, 2)."""
    out = []
    for _ in range(REPEATS):
        pile = rng.permutation(len(y)) % FOLDS
        for fold in range(FOLDS):
            train, test = pile != fold, pile == fold
            row = []
            for x in halves:
                gram = x[train].T @ x[train] + np.eye(x.shape[1])
                weight = np.linalg.solve(gram, x[train].T @ y[train])
                weight = weight + jitter * rng.normal(size=len(weight))
                row.append(np.sqrt(np.mean((y[test] - x[test] @ weight) ** 2)))
            out.append(row)
    return np.array(out)


def p_values(scores: Floats) -> tuple[float, float, float]:
    """Of the three tests."""
    share = 1 / (FOLDS - 1)
    return tukey(scores).p[0, 1], ranks(scores).p, corrected_t(scores, share).p[0, 1]


def simulated(repetitions: int, effect: float, jitter: float, *, fixed: bool, seed: int = 0) -> Floats:
    """Share of repetitions in which each test says p < 0.05."""
    rng = np.random.default_rng(seed)
    found = np.zeros(len(TESTS))

    def data(rng: np.random.Generator) -> tuple[tuple[Floats, Floats], Floats]:
        hidden = rng.normal(size=(MOLECULES, HALF))
        noise = (0.7 * (1 - effect), 0.7)
        seen = tuple(hidden + n * rng.normal(size=hidden.shape) for n in noise)
        return (seen[0], seen[1]), hidden @ rng.normal(size=HALF) + rng.normal(size=MOLECULES)

    halves, y = data(rng)
    for _ in range(repetitions):
        if not fixed:
            halves, y = data(rng)
        pair = (halves[0], halves[0]) if fixed else halves
        found += np.array(p_values(cross_validated(pair, y, jitter, rng))) < 0.05
    return found / repetitions


def main() -> None:
    """Print one line per case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=200)
    n = parser.parse_args().repetitions
    print(
        f"{n} repetitions of {REPEATS} x {FOLDS} folds; share with p < 0.05 (standard error up to {0.5 / n**0.5:.3f})"
    )
    print(f"{'':34s}" + "".join(f"{t:>14s}" for t in TESTS))
    for what, effect, jitter, fixed in (
        ("equal: fixed data, other seeds", 0.0, 0.1, True),
        ("equal: other data of the kind", 0.0, 0.0, False),
        ("first better: 15 % less noise", 0.15, 0.0, False),
        ("first better: 40 % less noise", 0.4, 0.0, False),
    ):
        shares = simulated(n, effect, jitter, fixed=fixed)
        print(f"{what:34s}" + "".join(f"{s:14.3f}" for s in shares))


if __name__ == "__main__":
    main()
