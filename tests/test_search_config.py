"""A search is checked as a whole before its first trial; every mistake is named with its line."""

from pathlib import Path

import pytest

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.config.search import SearchSpec, load_search
from drugml.errors import UserError
from drugml.runs.tune.check import checked_space
from drugml.runs.tune.space import Space

HEAD = "study: s\nspace:\n"

POOLINGS = "input should be 'sum', 'mean', 'max', 'norm', 'attention', 'sum_max' or 'set2set'"


def space_of(folder: Path, text: str, **base: object) -> tuple[Space, SearchSpec]:
    path = folder / "s.yaml"
    path.write_text(text)
    config = check(RunSpec, {"data": {"path": "t.csv", "targets": ["y"]}, **base}, {(): "test"})
    spec, where = load_search(str(path))
    return checked_space(config, spec, where), spec


def refused(folder: Path, text: str, **base: object) -> str:
    with pytest.raises(UserError) as error:
        space_of(folder, text, **base)
    return str(error.value)


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("  model.dept: [2, 3]", "`model.dept`: no model of the space has it (dmpnn); did you mean 'depth'?"),
        (
            "  model.trees: [2, 3]",
            "`model.trees`: no model of the space has it (dmpnn); forest, boosting, xgboost, lightgbm, catboost would",
        ),
        ("  modle.depth: [2, 3]", "unknown key `modle.depth`; did you mean 'model'?"),
        ("  train.lrr: [1e-3]", "unknown key `train.lrr`; did you mean 'lr'?"),
        ("  model: [dmpn]", "there is no `model` called 'dmpn'; did you mean 'dmpnn'?"),
        ("  model.depth: {low: 2, high: 50}", "`model.depth` = 50: input should be less than or equal to 20"),
        ("  model.depth: {low: 2.5, high: 4}", "`model.depth` = 2.5: input should be a valid integer"),
        ("  model.depth: {low: 2, high: 4, step: 0.5}", "`model.depth` is a whole number; step = 0.5 is none"),
        ("  model.pooling: [sum, last]", f"`model.pooling` = 'last': {POOLINGS}"),
        ("  model.pooling: {low: 1, high: 2}", f"`model.pooling` = 1: {POOLINGS}"),
        ("  model: {low: 1, high: 2}", "`model` is no number; name `values`"),
        ("  featurizer: [ogb, morgan]", "featurizer 'morgan' gives a fingerprint, which no model of the space takes"),
        ("  featurizer: [ogbb]", "there is no `featurizer` called 'ogbb'; did you mean 'ogb'?"),
        ("  featurizer: [auto]", "`featurizer` = 'auto' is one of the others"),
        ("  featurizer.radius: [2, 3]", "`featurizer.radius`: no featurizer of the space has it (chemprop_v2)"),
        ("  model.name: [gine]", "`model.name` is written `model` in a search"),
        (
            "  data.split.seed: [0, 1]",
            "`data.split.seed` cannot be searched: it would change the data, folds or labels",
        ),
        ("  data: [a, b]", "`data` cannot be searched: it would change"),
        ("  task.kind: [regression]", "`task.kind` cannot be searched: it would change"),
        ("  task.loss: [mse, mae]", "`task.loss`: the config leaves the task to the data; write `task: regression`"),
        ("  train.seed: [0, 1]", "`train.seed` cannot be searched: the best trial would be the one with the luckiest"),
        ("  train.monitor: [rmse]", "`train.monitor` cannot be searched: trials would choose their best epoch by"),
        ("  train.devices: [1, 2]", "`train.devices` cannot be searched: it belongs to the machine"),
        ("  ensemble.members: [1, 5]", "`ensemble.members` cannot be searched: a search trains single models"),
        ("  tracking.run: [a]", "`tracking.run` cannot be searched: it says where runs are recorded"),
    ],
)
def test_a_key_or_value_that_cannot_be_searched_is_named_with_its_line(tmp_path: Path, space: str, said: str) -> None:
    text = refused(tmp_path, HEAD + space)
    assert text.startswith(f"{tmp_path}/s.yaml:3: ")
    assert said in text


@pytest.mark.parametrize(
    ("dimension", "said"),
    [
        ("{low: 4, high: 2}", "the range is empty: low = 4 is not below high = 2"),
        ("{low: 2, high: 2}", "the range is empty: low = 2 is not below high = 2"),
        ("[]", "the list of values is empty"),
        ("[2, 2]", "2 is named more than once"),
        ("[[2]]", "[2] is no single value; name texts, numbers, true, false or null"),
        ("{low: 2}", "expected `values: […]`, or `low` and `high`"),
        ("{values: [2], low: 2}", "has `values` and a range; a key has one of them"),
        ("{low: 0, high: 2, log: true}", "low = 0 has no logarithm; a range with log begins above 0"),
        ("{low: 1, high: 9, log: true, step: 2}", "has `log` and `step`; a range has one of them"),
        ("{low: 2, high: 7, step: 2}", "high = 7 is no whole number of steps of 2 from low = 2"),
        ("{lwo: 2, high: 7}", "unknown key `space.model.depth.lwo`; did you mean 'low'?"),
    ],
)
def test_a_range_or_list_that_makes_no_sense_is_refused(tmp_path: Path, dimension: str, said: str) -> None:
    text = refused(tmp_path, f"{HEAD}  model.depth: {dimension}")
    assert text.startswith(f"{tmp_path}/s.yaml:3: `space.model.depth") or "unknown key" in text
    assert said in text


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    text = refused(tmp_path, HEAD + "  model.depth: {low: 0, high: 5}\n  model.trees: [1]\n  train.batch_size: [0]")
    assert [line.split(":")[1] for line in text.splitlines()] == ["3", "4", "5"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spcae: {}\nstudy: s", "unknown key `spcae`; did you mean 'space'?"),
        ("study: a b\nspace: {model.depth: [2]}", "`study` = 'a b'"),
        (HEAD + "  model.depth: [2]\nsampler: tpee", "there is no `sampler` called 'tpee'; did you mean 'tpe'?"),
        (HEAD + "  model.depth: [2]\npruner: {kind: median, warmup: 3}", "unknown key `pruner.warmup`"),
        (HEAD + "  train.lr: {low: 1e-4, high: 1e-2}\nsampler: grid", "sampler grid: `train.lr` has no end of values"),
        (HEAD + "  model.hidden_dim: {low: 1, high: 16000}\n  head.hidden_dim: {low: 1, high: 16000}\nsampler: grid",
         "sampler grid: the space has 256,000,000 points, at most 100,000"),
    ],
)  # fmt: skip
def test_the_rest_of_the_file_is_checked_too(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


def test_baselines_need_baseline_keys(tmp_path: Path) -> None:
    said = refused(tmp_path, HEAD + "  model: [forest, knn]\n  train.lr: [1e-3]")
    assert "`train.lr`: only networks read it, and the space has none (forest, knn)" in said
    said = refused(tmp_path, HEAD + "  model: [dmpnn, forest]\n  featurizer: [ogb]")
    assert "model 'forest' takes a fingerprint, which no featurizer of the space gives" in said
    said = refused(tmp_path, HEAD + "  model: [dmpnn, forest]", featurizer={"name": "ogb"})
    assert "model 'forest' takes a fingerprint, but featurizer 'ogb' gives a graph" in said


def test_a_shipped_search_that_is_none_is_named() -> None:
    with pytest.raises(UserError, match="there is no search 'drugml:gn'; did you mean 'gnn'"):
        load_search("drugml:gn")


@pytest.mark.parametrize(("name", "models"), [("gnn", 2), ("all", 7)])
def test_shipped_searches_are_sound_and_say_where_keys_count(name: str, models: int) -> None:
    config = check(RunSpec, {"data": {"path": "t.csv", "targets": ["y"]}}, {(): "test"})
    space = checked_space(config, *load_search(f"drugml:{name}"))
    assert len({data["model"]["name"] for data in space.branches()}) == models
    assert space.size is None
    lines = "\n".join(space.lines())
    assert ("model.depth           2 to 6   only with dmpnn, gine" in lines) == (name == "all")


MIXED = (
    HEAD
    + """
  model: [dmpnn, forest]
  featurizer: [ogb, chemprop_v2, morgan]
  model.depth: {low: 2, high: 3}
  model.trees: [5, 10, 20]
  featurizer.radius: [2, 3]
  train.schedule: [constant, warmup_cosine]
  train.schedule.floor: {low: 0.1, high: 0.3, step: 0.1}
"""
)


def test_keys_count_where_the_config_has_them(tmp_path: Path) -> None:
    space, _ = space_of(tmp_path, MIXED)
    points = [*space.points()]
    assert space.size == len(points) == 2 * 2 * (1 + 3) + 3 * 2
    assert len({repr(p) for p in points}) == len(points)
    for point in points:
        config = space.config(point)
        written = config.model_dump(mode="json")
        assert (config.model.name == "dmpnn") == ("model.depth" in point) == ("train.schedule" in point)
        assert ("train.schedule.floor" in point) == (point.get("train.schedule") == "warmup_cosine")
        for key, value in space.readable(point).items():
            at = written
            for part in key.split("."):
                at = at[part]
            assert value == (at if not isinstance(at, dict) else at.get("name", at.get("kind")))


def test_what_the_space_leaves_out_stays_as_in_the_config(tmp_path: Path) -> None:
    space, _ = space_of(
        tmp_path, HEAD + "  model: [dmpnn, gine]", model={"name": "dmpnn", "hidden_dim": 64}, train={"epochs": 7}
    )
    dmpnn, gine = (space.config(p) for p in space.points())
    assert (dmpnn.model.hidden_dim, gine.model.hidden_dim) == (64, 300)  # another model has its own defaults
    assert dmpnn.train.epochs == gine.train.epochs == 7
    assert (dmpnn.featurizer.name, gine.featurizer.name) == ("chemprop_v2", "ogb")


def test_floats_by_steps_are_written_as_meant(tmp_path: Path) -> None:
    space, _ = space_of(tmp_path, HEAD + "  model.dropout: {low: 0.0, high: 0.4, step: 0.1}")
    assert [p["model.dropout"] for p in space.points()] == [0.0, 0.1, 0.2, 0.3, 0.4]


def test_a_featurizer_is_not_searched_beside_descriptors_that_it_would_drop(tmp_path: Path) -> None:
    text = refused(tmp_path, HEAD + "  featurizer: [ogb]", featurizer={"name": "ogb", "descriptors": ["rdkit"]})
    assert "`featurizer` cannot be searched beside featurizer.descriptors, which each value would drop" in text
    scaled = {"name": "auto", "descriptor_scale": "standard"}
    text = refused(tmp_path, HEAD + "  featurizer: [morgan]", model={"name": "mlp"}, featurizer=scaled)
    assert "`featurizer` cannot be searched beside featurizer.descriptor_scale, which each value would drop" in text
