"""What the members of an ensemble learn from, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from drugml.errors import UserError
from drugml.runs.dataset import prepare
from drugml.runs.members import members_of
from drugml.runs.train import train
from drugml.training.listener import Silent
from tests.conftest import SMILES, Cli, read_csv, write_csv
from tests.test_ensemble import spec


def test_bags_are_drawn_with_replacement_and_keep_molecules_together(tmp_path: Path) -> None:
    rows = [(s, len(s)) for s in (*SMILES, *SMILES[:30])]  # thirty molecules twice
    write_csv(tmp_path / "t.csv", ["smiles", "size"], rows)
    data = {"path": str(tmp_path / "t.csv"), "targets": ["size"], "split": {"kind": "random"}}
    for validation, joint in (("fold", False), ("out_of_bag", True)):
        overrides = ("ensemble.members=4", "ensemble.by=bagging", f"ensemble.validation={validation}")
        whole = prepare(spec(tmp_path, *overrides, data=data))
        plan, keys = whole.training.plan, np.asarray(whole.training.plan.molecules.inchikeys)
        pool = np.isin(plan.fold, (0, 1) if joint else (0,))
        members = members_of(whole)
        bags = []
        for member in members:
            own, times = member.training.plan, member.training.weight[:, 0]
            assert (own.fold[~pool] == plan.fold[~pool]).all()  # test, and validation unless it is drawn from
            assert (times[~pool] == 1).all()
            drawn = np.where(own.fold == 0, times, 0.0)
            by_key = {k: {drawn[i] for i in np.flatnonzero(keys == k)} for k in set(keys[pool])}
            assert all(len(v) == 1 for v in by_key.values())
            assert sum(v.pop() for v in by_key.values()) == len(set(keys[pool]))  # as many as there are
            assert (own.fold[pool & (drawn == 0)] == (1 if joint else -1)).all()
            assert drawn.max() > 1
            bags.append(drawn.tolist())
        assert len({tuple(b) for b in bags}) == 4


def test_folds_divide_training_and_validation_molecules_and_leave_scaffolds_whole(tmp_path: Path) -> None:
    data = {"path": str(tmp_path / "t.csv"), "targets": ["size"], "split": {"kind": "scaffold"}}
    whole = prepare(spec(tmp_path, "ensemble.members=4", "ensemble.by=fold", data=data))
    plan = whole.training.plan
    validated = np.zeros(len(plan.fold), int)
    for member in members_of(whole):
        own = member.training.plan
        assert (own.indices("test") == plan.indices("test")).all()
        validated[own.indices("val")] += 1
        scaffolds = plan.molecules.scaffolds
        sides = [set(scaffolds[own.indices(f)]) - {b""} for f in ("train", "val")]
        assert not sides[0] & sides[1]
    assert (validated == (plan.fold != 2)).all()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["ensemble.by=fold"], "ensemble.members = 1 is no ensemble, so that nothing else of it acts"),
        (["ensemble.members=0"], "`ensemble.members` = 0: input should be greater than or equal to 1"),
        (["ensemble.members=3", "ensemble.member=4"], "ensemble.member = 4: there are 3 members"),
        (["ensemble.members=3", "ensemble.validation=out_of_bag"], "'out_of_bag' is of ensemble.by=bagging"),
        *(
            (["ensemble.members=3", f"model={m}"], f"{m!r} learns the same from the same molecules whatever the seed")
            for m in ("mean", "knn", "gp", "svm")
        ),
        (["ensemble.members=3", "model=boosting", "model.max_features=1"], "'boosting' learns the same from the same"),
        (
            ["ensemble.members=3", "model=lightgbm", "model.max_features=1", "model.subsample=1"],
            "'lightgbm' learns the",
        ),
    ],
    ids=str,
)
def test_what_would_not_act_is_refused(tmp_path: Path, overrides: list[str], said: str) -> None:
    with pytest.raises(UserError) as error:
        spec(tmp_path, *overrides)
    assert said in str(error.value)


def test_members_that_cannot_be_are_said_before_anything_is_recorded(tmp_path: Path) -> None:
    config = spec(tmp_path, "ensemble.members=100", "ensemble.by=fold")
    with pytest.raises(UserError, match=r"ensemble.by = 'fold': member \d+ has no molecule for val; use fewer members"):
        train(config, Silent())
    assert not (tmp_path / "runs").exists()


def test_a_cross_validation_trains_an_ensemble_in_each_fold(place: Path, small: Path, cli: Cli) -> None:
    options = ("--target", "size", "--model", "knn", "data.split=random", "--folds", 2, "--repeats", 1, "--jobs", 1,
               "ensemble.members=2")  # fmt: skip
    done = cli("cv", small, *options, "ensemble.by=bagging")
    assert done.code == 0, done.err
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    found = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    kinds = [r.data.tags["drugml.kind"] for r in found]
    assert [kinds.count(k) for k in ("cv", "fold", "member")] == [1, 2, 4]
    assert "cv " in cli("runs", "list").out
    assert "member" not in cli("runs", "list").out
    assert "size_std" in read_csv(next((place / "runs").rglob("out_of_fold.csv")))[0]
    refused = cli("cv", small, *options, "ensemble.by=fold")
    assert "ensemble.by = 'fold': within drugml cv the groups of the split are not known in a fold" in refused.err
    refused = cli("cv", small, *options, "ensemble.by=bagging", "ensemble.member=1")
    assert "ensemble.member = 1: drugml cv trains all members; leave it out" in refused.err
