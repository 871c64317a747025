"""The data card: self-contained, escaped, of bounded size, with figures that add up."""

import base64
import re
from collections import Counter
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from drugml.config.audit import AuditSpec
from drugml.data.audit.audit import audit
from drugml.data.audit.pileup import piles
from drugml.data.audit.record import Record
from drugml.data.facts import inspect
from drugml.data.status import BadRow, Reject, Status
from drugml.evaluation import card_map
from drugml.evaluation.card import card, write_card
from drugml.evaluation.card_charts import histogram
from tests.conftest import SMILES

NASTY = "<script>alert('x')</script>&\"$\\frac{1$"
VOID = {"meta", "img", "br", "hr", "rect", "line", "path", "ellipse", "circle"}


class Reader(HTMLParser):
    """Collects tags and attributes, and checks that tags are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(k, v or "") for k, v in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(k, v or "") for k, v in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def made(
    smiles: list[str],
    targets: tuple[str, ...],
    low: np.ndarray,
    high: np.ndarray | None = None,
    bad: int = 0,
    fold: bool = False,
) -> str:
    """The card of a table with `bad` rejected rows at its end."""
    looked = inspect(smiles, max_atoms=1000, identities=True, workers=1)
    wrong = [
        BadRow(str(len(smiles) + 2 + i), NASTY, Reject(Status.NOT_SMILES, f"not a SMILES: {NASTY}")) for i in range(bad)
    ]
    record = Record(
        f"table {NASTY}",
        len(smiles) + bad,
        wrong,
        [str(i) for i in range(2, len(smiles) + 2)],
        smiles,
        looked.inchikeys,
        looked.scaffolds,
        targets,
        low,
        low if high is None else high,
        {},
    )
    return card(
        record,
        looked.facts,
        audit(record, looked.facts, AuditSpec()),
        spec=AuditSpec(),
        about={"File": NASTY},
        positive={targets[-1]: NASTY} if targets else {},
        fold=np.arange(len(smiles), dtype=np.int8) % 3 if fold else None,
    )


def numbers_and_classes() -> np.ndarray:
    random = np.random.default_rng(0)
    numbers = np.maximum(random.normal(0, 1, len(SMILES)), -0.8)
    return np.stack([numbers, random.integers(0, 2, len(SMILES)).astype(float)], axis=1)


def test_text_of_the_table_stays_text() -> None:
    labels = numbers_and_classes()
    # the same molecule twice, as CXSMILES with a nasty label, and labels far apart: it is drawn and quoted
    smiles = [*SMILES, "CCOCF |$<script>x</script>;;;;$|", "FCOCC"]
    labels = np.concatenate([labels, [[-0.5, 1.0], [5.0, 0.0]]])
    html = made(smiles, (f"number {NASTY}", f"class {NASTY}"), labels, bad=2, fold=True)
    page = Reader(html)
    assert page.tags["script"] == 0
    assert "<script" not in html.lower()
    assert html.count(escape(NASTY)) + html.count(escape(repr(NASTY)[1:-1])) > 8
    assert not [k for k, _ in page.attributes if k.startswith("on")]
    assert any("CCOCF |$<script>x</script>;;;;$|" in w for w in page.words)


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = Reader(made(SMILES, ("a", "b"), numbers_and_classes(), bad=1, fold=True))
    sources = [v for k, v in page.attributes if k in ("src", "href", "xlink:href", "action", "data", "srcset")]
    assert sources
    assert all(v.startswith("data:image/png;base64,") for v in sources)
    assert base64.b64decode(sources[0].partition(",")[2])[:4] == b"\x89PNG"
    assert {"link", "iframe", "object", "embed", "form", "base"}.isdisjoint(page.tags)
    assert not re.search(r"url\(|@import", "".join(page.words))


def test_the_parts_are_there_and_rows_add_up() -> None:
    labels = numbers_and_classes()
    html = made(
        [*SMILES, SMILES[0]], ("size", "ring"), np.concatenate([labels, [[7.0, 1 - labels[0, 1]]]]), bad=3, fold=True
    )
    headings = re.findall("<h2>(.*?)</h2>", html)
    assert headings == [
        "Rows",
        "Findings",
        "Labels",
        "Classes",
        "Labels in common",
        "Experimental noise",
        "Conflicts",
        "Largest scaffolds",
        "Chemical space",
    ]
    n = len(SMILES) + 1
    rows = dict(re.findall(r'<tr[^>]*><td>([a-z: ]+)</td><td class="n">([\d,]+)</td></tr>', html))
    assert rows == {"usable": str(n), "rejected: parse error": "3", "all rows of the file": str(n + 3)}
    assert re.findall(
        r'<td>rows</td><td class="n">(\d+)</td><td class="n">(\d+)</td><td class="n">(\d+)</td>', html
    ) == [tuple(str(len(range(i, n, 3))) for i in range(3))]
    assert "doi:10.1021/jm300131x" in html
    assert "10.1016/j.drudis.2009.01.012" in html


def test_a_table_of_nothing_has_a_card(tmp_path: Path) -> None:
    assert "none of the 2 rows can be used" in made([], ("y",), np.zeros((0, 1)), bad=2)
    assert "<h2>Labels</h2>" not in made(["CCO"], (), np.zeros((1, 0)))
    assert Reader(made(["CCO"] * 6, ("y",), np.ones((6, 1)))).tags["img"] == 0  # one point is no map


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_bars_hold_every_label(share: float) -> None:
    """Heights are proportional to counts, and limits are drawn as limits."""
    values = np.random.default_rng(0).uniform(0, 1, 4000)
    high = np.where(np.arange(4000) < 4000 * share, np.inf, values)
    svg = histogram(values, high, (), logs=False)
    heights = {
        name: sum(map(float, re.findall(rf'class="{name}"[^>]* height="([\d.]+)"', svg)))
        for name in ("bar", "censored")
    }
    assert heights["censored"] / sum(heights.values()) == pytest.approx(share, abs=0.01)
    top = int(re.findall(r">([\d,]+)</text>", svg)[-2].replace(",", ""))
    assert sum(heights.values()) * top / 134 == pytest.approx(4000, rel=0.02)


def test_a_floor_is_marked_and_does_not_hide_the_rest() -> None:
    values = np.maximum(np.random.default_rng(0).normal(0, 1, 3000), 0.1)
    svg = histogram(values, values, piles(values, 0.01), logs=False)
    assert f"floor: {int((values == 0.1).sum()):,} at 0.1" in svg
    assert svg.count('class="limit-suspect"') == 1
    others = [float(h) for h in re.findall(r'class="bar"[^>]* height="([\d.]+)"', svg)]
    assert max(others) > 60  # of 134


def test_the_card_of_ten_thousand_molecules_is_small() -> None:
    random = np.random.default_rng(0)
    different = [s + "C" * i for s in SMILES for i in range(9)]
    looked = inspect(different, max_atoms=1000, identities=False, workers=1)
    good = np.resize([i for i in range(len(different)) if i not in looked.rejects], 10_000)
    facts = np.resize(looked.facts, 10_000)
    labels = random.normal(0, 1, (len(good), 12))
    labels[random.random(labels.shape) < 0.5] = np.nan
    keys = np.array([b"KEY%d" % (i % 9000) for i in range(len(good))])
    record = Record(
        "large",
        len(good),
        [],
        [str(i) for i in range(2, len(good) + 2)],
        [different[i] for i in good],
        keys,
        np.array([b"frame%d" % (i % 700) for i in range(len(good))]),
        tuple(f"target {i}" for i in range(12)),
        labels,
        labels,
        {},
    )
    html = card(record, facts, audit(record, facts, AuditSpec()), spec=AuditSpec(), about={}, positive={}, fold=None)
    assert len(html.encode()) < 3_000_000


def test_a_card_is_written(tmp_path: Path) -> None:
    looked = inspect(SMILES, max_atoms=1000, identities=True, workers=1)
    labels = numbers_and_classes()[:, :1]
    lines = [str(i) for i in range(2, len(SMILES) + 2)]
    record = Record("t", len(SMILES), [], lines, SMILES, looked.inchikeys, looked.scaffolds, ("y",), labels, labels, {})
    found = audit(record, looked.facts, AuditSpec())
    write_card(tmp_path / "card.html", record, looked.facts, found, spec=AuditSpec(), about={}, positive={}, fold=None)
    assert (tmp_path / "card.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_map_is_drawn_of_rdkits_fingerprints() -> None:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    expected = [generator.GetFingerprintAsNumPy(Chem.MolFromSmiles(s)) for s in SMILES]
    np.testing.assert_array_equal(card_map._bits(SMILES), expected)
