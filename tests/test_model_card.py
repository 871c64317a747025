"""The card of a registered version: the figures of its run, harmless, short enough, and at hand."""

import csv
import json
import re
from collections import Counter
from html import unescape
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from mlflow import MlflowClient
from rdkit import Chem

from drugml.evaluation.model.card import LONGEST, shortened
from drugml.evaluation.model.markdown import Code, Section, Table, html, markdown
from drugml.tracking.run import metric_key
from tests.conftest import SMILES, Cli, read_csv, write_csv
from tests.test_card import NASTY, Reader

TARGET = f"a|b *c* [d](e) _f_ `g` &lt; :x: {NASTY.replace('/', '')}"
RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
METRICS = ("rmse", "mae", "r2", "pearson", "spearman")


def client(place: Path) -> MlflowClient:
    uri = f"sqlite:///{place}/mlflow.db"
    return MlflowClient(uri, uri)


def rows(text: str) -> list[list[str]]:
    """Cells of all rows of all tables, as a reader sees them."""
    found = re.findall(r"<tr>(.*?)</tr>", RENDERER.render(text), re.S)
    return [[unescape(c) for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)] for row in found]


def facts(text: str) -> dict[str, str]:
    """What stands behind each bold word."""
    found = re.findall(r"<li>\s*<strong>(.*?):</strong> (.*?)</li>", RENDERER.render(text), re.S)
    return {unescape(k): unescape(re.sub(r"</?(code|p)>", "", v)).strip() for k, v in found}


@example("1. a")
@example("1) a")
@example("--- -")
@given(st.text(alphabet=st.sampled_from("ab1 \\`*_{}[]()<>&|~@:#+-.!=\"'/$\n\t\x00\u202eé"), min_size=1, max_size=30))
def test_whatever_a_name_holds_a_reader_sees_that_name(text: str) -> None:
    shown = re.sub(r"[\n\t\x00\u202e]+", " ", text).strip()
    made = markdown(text, [Section(text, [("what", text), ("code", Code(text))], [Table([text], [[text]])], [text])])
    page = RENDERER.render(made)
    if not shown:
        return
    for pattern in (r"<h1>(.*?)</h1>", r"</strong> (.*?)</li>", r"<th>(.*?)</th>", r"<td>(.*?)</td>"):
        found = re.search(pattern, page, re.S)
        assert found is not None, (pattern, page)
        assert unescape(found[1]) == shown
    assert unescape(re.search(r"<code>(.*?)</code>", page, re.S)[1]) == shown  # type: ignore[index]
    assert Counter(re.findall(r"<([a-z0-9]+)", page)) == Counter(re.findall(r"<([a-z0-9]+)", RENDERER.render(BARE)))


BARE = markdown("a", [Section("a", [("what", "a"), ("code", Code("a"))], [Table(["a"], [["a"]])], ["a"])])


def test_a_target_may_look_like_an_address() -> None:
    assert metric_key("test/rmse/http://a.b/../c") == "test/rmse/http:/_/a.b/_/c"
    assert metric_key("test/rmse/logD@7.4") == "test/rmse/logD_7.4"


def test_a_page_holds_what_the_markdown_holds_and_is_harmless() -> None:
    section = Section(NASTY, [(NASTY, NASTY), ("x", Code(NASTY))], [Table([NASTY], [[NASTY]])], [NASTY])
    reader = Reader(html([section, Section("empty")]))
    assert reader.words.count(NASTY) + reader.words.count(f"{NASTY}:") + reader.words.count(f" {NASTY}") == 7
    assert reader.tags["script"] == 0
    assert "empty" not in reader.words


def test_a_card_has_the_figures_of_its_run(place: Path, cli: Cli) -> None:
    table = write_csv(place / "t_<i>*1*.csv", ["smiles", TARGET], [(s, len(s)) for s in [*SMILES, "CCXX"]])
    done = cli(
        *("train", table, "--target", TARGET, "--model", "forest", "model.trees=5", "data.max_rejected=0.1"),
        *("data.split=random", "data.split.sizes=[0.5, 0.2, 0.3]", "tracking.register_as=m"),
    )
    assert done.code == 0, done.err
    version = client(place).get_model_version("m", "1")
    (path,) = (place / "runs").rglob("model_card.md")
    text, folder = path.read_text(encoding="utf-8"), path.parent
    Reader((folder / "model_card.html").read_text(encoding="utf-8"))
    artifacts = {f.path for f in client(place).list_artifacts(version.run_id)}
    assert {"model_card.md", "model_card.html"} <= artifacts
    assert len(version.description) <= LONGEST

    metrics = json.loads((folder / "metrics.json").read_text())
    cells = {r[0]: r for r in rows(text) if len(r) == 4}
    assert {k: cells[k][1] for k in METRICS} == {k: f"{metrics[f'test/{k}']:.4f}" for k in METRICS}
    low, high = map(float, cells["rmse"][2].split(" to "))
    assert low < metrics["test/rmse"] < high
    assert cells["rmse"][2] in (folder / "report.html").read_text()
    brief = facts(version.description)
    assert {k: brief[k] for k in METRICS} == {k: f"{cells[k][1]} ({cells[k][2]})" for k in METRICS}
    for shown in (text, version.description):
        assert "<script" not in RENDERER.render(shown)
        assert "The split is random" in shown
        assert "Few test labels" in shown
    spec = json.loads((folder / "bundle/spec.json").read_text())
    known = facts(text)
    with (folder / "split.csv").open() as file:
        folds = Counter(r["fold"] for r in csv.DictReader(file))
    assert known["Sizes"] == ", ".join(f"{f} {folds[f]}" for f in ("train", "val", "test")) + " molecules"
    assert known["Table"] == table.name
    assert (known["Rows"], known["Molecules used"], known["Rejected"]) == ("61", "60", "1")
    assert known["Rows rejected, or not used with all labels, by reason"] == "parse error 1"
    assert known["Bundle hash"] == spec["hash"]
    assert known["Data hash"] == version.tags["drugml.data_hash"]
    assert known["Split hash"] == version.tags["drugml.split_hash"]
    assert [TARGET, "unknown", "the value"] in rows(text)
    train = [r for r in read_csv(folder / "split.csv") if r["fold"] == "train"]
    learned = [SMILES[int(r["line"]) - 2] for r in train]
    assert [TARGET, "30", "12", "18", "0", f"{min(map(len, learned))} to {max(map(len, learned))}"] in rows(text)
    held = Counter(e for s in learned for e in {a.GetSymbol() for a in Chem.MolFromSmiles(s).GetAtoms()})
    assert known["Elements"] == ", ".join(f"{e} in {n}" for e, n in sorted(held.items(), key=lambda e: (-e[1], e[0])))

    assert cli("registry", "show", "m", "--card").out == text
    shown = dict(line.split("  ", 1) for line in cli("registry", "show", "m").out.splitlines())
    assert shown["model card"].strip() == "drugml registry show m --version 1 --card"


def test_the_card_of_many_targets_with_long_names_is_short_enough(place: Path, cli: Cli) -> None:
    targets = [f"{t:02d}{'|' * 100}{'<' * 100}" for t in range(60)]
    table = write_csv(place / "t.csv", ["smiles", *targets], [(s, *[i % 2] * 60) for i, s in enumerate(SMILES)])
    names = [o for t in targets for o in ("--target", t)]
    done = cli("train", table, *names, "--model", "mean", "data.split=random", "tracking.register_as=m")
    assert done.code == 0, done.err
    version = client(place).get_model_version("m", "1")
    assert 1000 < len(version.description) <= LONGEST
    assert "55 more" in version.description
    (path,) = (place / "runs").rglob("model_card.md")
    assert "10 more targets are left out" in path.read_text(encoding="utf-8")
    cut = shortened("line\n" * 2000)
    assert len(cut) <= LONGEST
    assert cut.endswith("line\n\n(cut; the rest is in model_card.md)\n")
    assert shortened("x" * LONGEST) == "x" * LONGEST


def test_a_card_that_fails_costs_no_run(place: Path, small: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> str:
        raise RuntimeError("no card")

    monkeypatch.setattr("drugml.runs.train.write_model_card", fails)
    done = cli("train", small, "--target", "ring", "--model", "mean", "data.split=random", "tracking.register_as=m")
    assert done.code == 0, done.err
    assert "model_card.md could not be made: no card; the run is complete without it" in done.err
    version = client(place).get_model_version_by_alias("m", "candidate")
    assert not version.description
    assert "report.html" in {f.path for f in client(place).list_artifacts(version.run_id)}
    shown = cli("registry", "show", "m").out
    assert re.search(r"^model card +none$", shown, re.M)
    refused = cli("registry", "show", "m", "--card")
    assert refused.code == 2
    assert "has no file model_card.md" in refused.err
