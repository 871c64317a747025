"""Configs: what is read, and what a user sees after a mistake."""

import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drugml.config.base import Spec
from drugml.config.dump import to_yaml
from drugml.config.featurizers import ChempropV2Spec, OgbSpec
from drugml.config.load import ConfigError, explain, load, merge, presets
from drugml.config.models import ForestSpec, GineSpec, ModelSpec
from drugml.config.run import RunSpec
from drugml.config.splits import PredefinedSplit, RandomSplit
from drugml.config.tasks import RegressionSpec
from tests.conftest import ROOT


@pytest.fixture
def herg(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text("model: {name: gine, hidden_dim: 64}\ntrain: {lr: 1e-4}\n")
    path = tmp_path / "herg.yaml"
    path.write_text("base: base.yaml\ndata:\n  path: herg.csv\n  targets: [NO]\nmodel:\n  depth: 5\n")
    return path


def test_a_preset_is_merged_key_by_key(herg: Path) -> None:
    run = load(RunSpec, herg)
    assert run.model == GineSpec(hidden_dim=64, depth=5)
    assert run.train.lr == 1e-4  # YAML 1.1 would read a string
    assert run.data.targets == ("NO",)  # YAML 1.1 would read False


def test_a_relative_table_is_relative_to_the_config(herg: Path) -> None:
    assert load(RunSpec, herg).data.path == str(herg.parent / "herg.csv")
    assert load(RunSpec, herg, ["data.path=x.csv"]).data.path == str(Path("x.csv").absolute())
    assert load(RunSpec, herg, ["data.path=drugml:b3db-logbb"]).data.path == "drugml:b3db-logbb"


def test_naming_another_variant_replaces_the_section(herg: Path) -> None:
    assert load(RunSpec, herg, ["model=forest", "model.trees=10"]).model == ForestSpec(trees=10)


def test_a_section_left_out_can_be_overridden_in_part(herg: Path) -> None:
    assert load(RunSpec, herg, ["data.split.sizes=[0.6, 0.2, 0.2]"]).data.split.kind == "scaffold"


def test_a_config_can_be_written_out_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the run's folder has it, from which `--resume` reads it."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text("data: {path: t.csv, targets: [y], split: {kind: file, path: s.csv}}")
    config = load(RunSpec, Path("c.yaml"))
    Path("runs").mkdir()
    Path("runs/config.yaml").write_text(to_yaml(config))
    assert load(RunSpec, Path("runs/config.yaml")) == config
    assert config.data.path == str(tmp_path / "t.csv")


def test_a_name_alone_stands_for_its_section(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("data: {path: x.csv, targets: [y], split: random}\ntask: regression\nmodel: gine\n")
    run = load(RunSpec, path)
    assert run.model == GineSpec()
    assert run.task == RegressionSpec()
    assert run.data.split == RandomSplit()


def test_shipped_presets_are_found_by_name(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("base: drugml:quick\ndata: {path: x.csv, targets: [y]}\n")
    assert load(RunSpec, path).train.epochs == 15


@pytest.mark.parametrize("spec", get_args(get_args(ModelSpec)[0]), ids=lambda s: s.__name__)
def test_every_model_has_a_preset(tmp_path: Path, spec: type[Spec]) -> None:
    path = tmp_path / "run.yaml"
    name = spec().name  # type: ignore[attr-defined]
    path.write_text(f"base: drugml:{name}\ndata: {{path: x.csv, targets: [y]}}\n")
    assert load(RunSpec, path).model == spec()


def test_every_preset_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    for preset in presets().glob("*.yaml"):
        path.write_text(f"base: drugml:{preset.stem}\ndata: {{path: x.csv, targets: [y]}}\n")
        load(RunSpec, path)


def test_the_featurizer_follows_the_model(herg: Path) -> None:
    assert load(RunSpec, herg).with_featurizer().featurizer == OgbSpec()
    assert load(RunSpec, herg, ["model=dmpnn"]).with_featurizer().featurizer == ChempropV2Spec()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.hiden_dim=3", "unknown key `model.hiden_dim`; did you mean 'hidden_dim'?"),
        ("model=ginee", "there is no `model` called 'ginee'; did you mean 'gine'?"),
        ("data.split=rndm", "there is no `data.split` called 'rndm'; did you mean 'random'?"),
        ("model.depth=-3", "`model.depth` = -3: input should be greater than or equal to 1"),
        ("train.lr=fast", "`train.lr` = 'fast': input should be a valid number"),
        ("train.epochs=0", "`train.epochs` = 0: input should be greater than or equal to 1"),
        ("data.max_rejected=2", "`data.max_rejected` = 2: input should be less than or equal to 1"),
        ("a.b=1", "unknown key `a`; choose from: data, task, featurizer, model, head, train, ensemble, tracking"),
        ("data.split.sizes=[0.5, 0.1, 0.1]", "shares must be positive and add up to 1, found [0.5, 0.1, 0.1]"),
    ],
)
def test_a_wrong_override_says_what_to_do(herg: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(RunSpec, herg, [override])
    assert message in str(error.value)
    assert override in str(error.value)


def test_of_two_overrides_the_wrong_one_is_named(herg: Path) -> None:
    """Whichever way a key is written: within a section in braces, or by dots."""
    ways = ["data.split=random", "data.split={kind: file, sede: 3}"]
    with pytest.raises(ConfigError, match=re.escape(f"override {ways[1]!r}: unknown key `data.split.sede`")):
        load(RunSpec, herg, ways)
    with pytest.raises(ConfigError, match=re.escape("override 'data.split={kind: no}': there is no `data.split`")):
        load(RunSpec, herg, ["data.split=random", "data.split={kind: no}"])
    with pytest.raises(ConfigError, match=re.escape("override 'data.split.kind=no': there is no `data.split`")):
        load(RunSpec, herg, ["data.split={kind: random}", "data.split.kind=no"])


def test_an_override_without_equals_is_explained(herg: Path) -> None:
    with pytest.raises(ConfigError, match=r"an override is KEY=VALUE, for example train\.lr=3e-4"):
        load(RunSpec, herg, ["nonsense"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model:\n  name: gine\n  hiden_dim: 3\n", "run.yaml:3: unknown key `model.hiden_dim`"),
        ("model: {name: gine}\nmodel: {name: forest}\n", "run.yaml:2: `model` is already set at"),
        ("model: ginee\n", "run.yaml:1: there is no `model` called 'ginee'; did you mean 'gine'?"),
        ("data: {path: x.csv\n", "run.yaml:2: not valid YAML"),
        ("base: run.yaml\n", "`base` goes in a circle"),
        ("base: nope.yaml\n", "nope.yaml: no such file"),
        ("base: drugml:ginee\n", "run.yaml:1: there is no preset 'ginee'; did you mean 'gine'?"),
        ("- a\n", "expected `key: value` lines, found a list"),
        ("", "`data.path` is required"),
        ("model: forest\nfeaturizer: ogb\n", "model 'forest' takes a fingerprint, but featurizer 'ogb' gives a graph"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.yaml"
    if text and "data" not in text and "base" not in text and "- a" not in text:
        text += "data: {path: x.csv, targets: [y]}\n"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load(RunSpec, path)
    assert message in str(error.value)


def test_all_mistakes_are_reported_at_once(herg: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load(RunSpec, herg, ["train.lr=-1", "model.dropout=2", "modle.depth=1"])
    assert len(str(error.value).splitlines()) == 3


def test_every_value_is_shown_with_where_it_was_written(herg: Path) -> None:
    shown = {key: (value, where) for key, value, where in explain(RunSpec, herg, ["train.seed=3"])}
    assert shown["model.depth"] == ("5", f"{herg}:6")
    assert shown["model.hidden_dim"] == ("64", f"{herg.parent / 'base.yaml'}:1")
    assert shown["train.seed"] == ("3", "override 'train.seed=3'")
    assert shown["train.epochs"] == ("50", "default")


@pytest.mark.parametrize(
    "path", sorted(p for p in (ROOT / "configs").rglob("*.yaml") if p.parent.name != "search"), ids=lambda p: p.stem
)
def test_every_shipped_config_loads(path: Path) -> None:
    load(RunSpec, path, ["data.path=drugml:b3db-logbb", "data.targets=[logBB]"])


sections = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from(["a", "b", "name"]), inner, max_size=3)
)
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@given(sections)
def test_merging_with_itself_changes_nothing(section: object) -> None:
    assert merge(section, section) == section


@given(
    targets=st.lists(names, min_size=1, max_size=3, unique=True),
    lr=st.floats(1e-9, 10),
    column=names,
    unit=st.sampled_from(["NO", "1e-4", "null", "0123", "12:30", "µM"]),
)
def test_a_written_config_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, targets: list[str], lr: float, column: str, unit: str
) -> None:
    spec = RunSpec.model_validate(
        {
            "data": {"path": "/x.csv", "targets": targets, "split": PredefinedSplit(column=column)},
            "task": {"kind": "regression", "units": {targets[0]: unit}},
            "train": {"lr": lr},
        }
    )
    path = tmp_path_factory.mktemp("config") / "run.yaml"
    path.write_text(to_yaml(spec), encoding="utf-8")
    assert load(RunSpec, path) == spec
