"""What a user sees after `mlflow ui` in the folder of their runs, in a real browser."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from drugml.tracking import ui
from drugml.tracking.store import MlflowClient, connect
from tests.conftest import QUICK, ROOT, SMILES, write_csv
from tests.servers import mlflow_process

playwright = pytest.importorskip("playwright.sync_api", reason="no browser test without playwright")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no browser test without chromium")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
MODELS = {
    "mean": ["model=mean", "data.split=random"],
    "forest": ["model=forest", "model.trees=5", "data.split=random"],
    "knn": ["model=knn", "data.split=random"],
    "dmpnn": [*QUICK],
}
FILES = ["config.yaml", "metrics.json", "rejects.csv", "split.csv", "test.png", "test_predictions.csv"]


class Runs(NamedTuple):
    address: str
    experiment: str
    ids: dict[str, str]
    """By name, the oldest first."""
    rmse: dict[str, float]
    """What the folder of each run says of test/rmse, which is not where the UI has it from."""
    folder: Path

    def page(self, name: str) -> str:
        return f"{self.address}/#/experiments/{self.experiment}/runs/{self.ids[name]}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Iterator[Runs]:
    """Four runs on one table, shown by a plain `mlflow ui`."""
    from drugml.cli.main import app

    folder = tmp_path_factory.mktemp("ui")
    shutil.copy(database, folder / "mlflow.db")
    rows = [(s, round(len(s) * 0.5 + 0.01 * i, 4)) for i, s in enumerate(SMILES)]
    write_csv(folder / "small.csv", ["smiles", "size"], rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for overrides in MODELS.values():
            app(
                ["train", "small.csv", "--target", "size", "tracking.register_as=size-model", *overrides],
                standalone_mode=False,
            )
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("small").experiment_id
    ids = {r.info.run_name: r.info.run_id for r in client.search_runs([experiment], order_by=["start_time"])}
    rmse = {n: json.loads((folder / f"runs/small/{i}/metrics.json").read_text())["test/rmse"] for n, i in ids.items()}
    with mlflow_process("ui", folder) as address:
        yield Runs(address, experiment, ids, rmse, folder)


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: "playwright.Browser", request: pytest.FixtureRequest) -> Iterator["playwright.Page"]:
    """A page that remembers nothing of other tests."""
    page = browser.new_page(viewport={"width": 1900, "height": 1300})
    page.set_default_timeout(90_000)
    playwright.expect.set_options(timeout=90_000)
    yield page
    if os.environ.get("DRUGML_SCREENSHOTS"):
        page.screenshot(path=ROOT / "screenshots" / f"{request.node.name}.png")
    page.close()


def test_the_experiment_lists_the_runs_with_the_metrics_and_params_one_chooses(
    runs: Runs, page: "playwright.Page"
) -> None:
    page.goto(f"{runs.address}/#/experiments/{runs.experiment}/runs")
    playwright.expect(page.get_by_text(f"{len(runs.ids)} matching runs")).to_be_visible()  # the columns are theirs
    page.get_by_role("button", name="Columns", exact=True).click()
    for column in ("test/rmse", "model.name"):
        page.get_by_text(column, exact=True).last.click()
    page.keyboard.press("Escape")
    for name, run_id in runs.ids.items():
        row = page.locator(f"[row-id='{run_id}']")
        playwright.expect(row.get_by_text(name, exact=True)).to_have_count(2)  # of the run and of the model
        playwright.expect(row.get_by_text(re.compile(r"^small \("))).to_have_count(1)
        playwright.expect(row.get_by_text(str(runs.rmse[name]), exact=True)).to_be_visible()


def test_runs_are_compared_by_params_and_metrics(runs: Runs, page: "playwright.Page") -> None:
    query = f"runs={json.dumps([*runs.ids.values()])}&experiments={json.dumps([runs.experiment])}"
    page.goto(f"{runs.address}/#/compare-runs?{query}")
    playwright.expect(page.get_by_text(f"Comparing {len(runs.ids)} Runs from 1 Experiment")).to_be_visible()
    for head in ("Run Name:", "model.name"):
        row = page.get_by_role("row").filter(has_text=re.compile(rf"^\s*{re.escape(head)}"))
        assert row.inner_text().split() == [*head.split(), *runs.ids]
    grids = page.get_by_role("grid")
    playwright.expect(grids).to_have_count(2)
    names, values = grids.all()
    playwright.expect(names).to_contain_text("test/rmse")
    at = len(runs.ids) * names.inner_text().split().index("test/rmse")
    shown = [float(v) for v in values.inner_text().split()[at : at + len(runs.ids)]]
    assert shown == [round(v, 3) for v in runs.rmse.values()]
    playwright.expect(page.get_by_role("tab", name="Parallel Coordinates Plot")).to_have_attribute(
        "aria-selected", "true"
    )
    titles = page.locator(".parcoords .axis-title")
    playwright.expect(titles.filter(has_text="best/val/rmse")).to_be_visible()
    sections = {t.split(".")[0] for t in titles.all_text_contents() if t != "best/val/rmse"}
    assert sections
    assert sections <= {"featurizer", "model", "head", "train"}  # params that differ


def test_the_registered_model_has_a_version_of_each_run_and_the_last_is_the_candidate(
    runs: Runs, page: "playwright.Page"
) -> None:
    page.goto(f"{runs.address}/#/models/size-model")
    rows = page.get_by_role("row").filter(has_text=re.compile(r"Version \d"))
    playwright.expect(rows).to_have_count(4)
    for row, version in zip(rows.all(), (4, 3, 2, 1), strict=True):
        name = [*runs.ids][version - 1]
        for text in (f"Version {version}", name, f"{runs.rmse[name]:.6g}"):
            playwright.expect(row).to_contain_text(text)
        playwright.expect(row.get_by_text("candidate")).to_have_count(int(version == 4))


def test_a_version_is_described_by_its_model_card(runs: Runs, page: "playwright.Page") -> None:
    page.goto(f"{runs.address}/#/models/size-model/versions/2")
    for what, value in (("Model:", "forest, featurizer morgan"), ("rmse:", f"{runs.rmse['forest']:.4f}")):
        line = page.get_by_role("listitem").filter(has_text=re.compile(rf"^{what}"))
        playwright.expect(line).to_contain_text(value)
    playwright.expect(page.get_by_text("The split is random")).to_be_visible()


def test_the_page_that_drugml_ui_names_shows_the_runs_side_by_side_and_leads_to_models_and_versions(
    runs: Runs, page: "playwright.Page"
) -> None:
    address = ui.page(connect(f"sqlite:///{runs.folder}/mlflow.db"), runs.address)
    page.goto(address)
    playwright.expect(page.get_by_text(f"{len(runs.ids)} matching runs")).to_be_visible()
    metrics = [f"metrics.`test/{m}`" for m in ("rmse", "mae", "r2", "pearson", "spearman")]
    playwright.expect(page.locator(f".ag-header-cell[col-id='{metrics[-1]}']")).to_be_visible()
    shown = page.eval_on_selector_all(
        ".ag-header-cell", "cells => cells.map(c => [c.offsetLeft, c.getAttribute('col-id')])"
    )
    heads = [c for _, c in sorted(shown) if c.startswith(("metrics", "params", "tags"))]
    expected = [*metrics, "metrics.`train_seconds`", "params.`model.name`", "params.`featurizer.name`"]
    assert heads[: len(expected)] == expected
    best = sorted(runs.rmse, key=lambda n: runs.rmse[n])
    assert page.locator(".ag-center-cols-container [col-id='params.`model.name`']").all_inner_texts() == best
    for name, run_id in runs.ids.items():
        playwright.expect(
            page.locator(f"[row-id='{run_id}'] [col-id='metrics.`test/rmse`']").get_by_text(
                str(runs.rmse[name]), exact=True
            )
        ).to_be_visible()
    page.goto(f"{address}&compareRunsMode=CHART")
    page.get_by_placeholder("Search metric charts").fill("train/loss")
    playwright.expect(page.get_by_text("train/loss", exact=True).first).to_be_visible()
    page.get_by_role("link", name="Models", exact=True).click()
    for version in range(1, 5):
        row = page.get_by_role("row").filter(has_text=f"v{version}")
        playwright.expect(row.get_by_text("size-model")).to_be_visible()


def test_a_run_shows_its_metrics_its_model_version_and_its_files(runs: Runs, page: "playwright.Page") -> None:
    page.goto(runs.page("forest"))
    metric = page.get_by_role("row").filter(has_text="test/rmse")
    playwright.expect(metric).to_contain_text(str(runs.rmse["forest"]))
    version = page.locator("a[href$='/models/size-model/versions/2']")  # once it has loaded all, it is there twice
    playwright.expect(version.first).to_be_visible()
    page.get_by_role("tab", name="Artifacts").click()
    for file in FILES:
        playwright.expect(page.get_by_text(file, exact=True)).to_be_visible()
    page.get_by_text("config.yaml", exact=True).click()
    config = (runs.folder / "runs/small" / runs.ids["forest"] / "config.yaml").read_text()
    playwright.expect(page.get_by_text("trees: 5")).to_be_visible()
    assert " ".join(config.split()) in " ".join(page.inner_text("body").split())
    page.get_by_text("test.png", exact=True).click()
    plot = page.get_by_role("img", name="test.png")
    playwright.expect(plot).to_be_visible()
    assert plot.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
