"""The card of a model, whole and in short.

After Mitchell et al., Model Cards for Model Reporting, FAT* 2019, arXiv:1810.03993.
"""

from html import escape

from drugml.evaluation.model.facts import Facts
from drugml.evaluation.model.limits import limits
from drugml.evaluation.model.markdown import Section, cut, html, markdown
from drugml.evaluation.model.sections import (
    again,
    brief_data,
    brief_split,
    brief_targets,
    data,
    domain,
    model,
    results,
    split,
    use,
)
from drugml.evaluation.model.words import full, predicts, standardization
from drugml.evaluation.page import page
from drugml.evaluation.report.charts import STYLE
from drugml.evaluation.report.report import Data, Summary

LONGEST = 5000
"""Characters that MLflow keeps of a description."""
BRIEF = 5
"""Targets that are named in it."""
TITLE = 160
"""Characters of its heading."""
WHERE = "More: model_card.md, model_card.html, report.html and data_card.html among the artifacts of the run."


def sections(facts: Facts, found: Summary, learned: Data) -> list[Section]:
    """All that the card says."""
    return [
        model(facts),
        data(facts, learned),
        split(facts),
        results(facts, found),
        domain(facts, found),
        use(facts, found),
        again(facts),
    ]


def card(facts: Facts, found: Summary, learned: Data) -> str:
    """The whole card as Markdown."""
    return markdown(_title(facts), sections(facts, found, learned))


def card_page(facts: Facts, found: Summary, learned: Data) -> str:
    """The whole card as a page of HTML that needs nothing beside it."""
    title = _title(facts)
    return page(title, f"<h1>{escape(title)}</h1>{html(sections(facts, found, learned))}", STYLE)


def description(facts: Facts, found: Summary) -> str:
    """The card in short as Markdown, which MLflow shows with a version; at most `LONGEST` characters.

    MLflow leaves no room between the columns of a table, so that it has none.
    """
    more = len(facts.spec.targets) - BRIEF
    targets = [predicts(facts.spec, t) for t in facts.spec.targets[:BRIEF]] + ([f"{more:,} more"] if more > 0 else [])
    of = ", metrics are means over targets" if facts.several else ""
    lead = [
        ("Model", f"{facts.model}, featurizer {facts.spec.featurizer.name}, {standardization(facts.spec)}"),
        ("Predicts", "; ".join(targets)),
        ("Data", brief_data(facts)),
        ("Split", brief_split(facts)),
        ("Test fold", f"{len(found.tested.lines):,} molecules; 95 % intervals over them{of}"),
        *((name, full(score)) for name, score in found.scores.items()),
        *(brief_targets(found, BRIEF) if facts.several else []),
    ]
    parts = [Section("", lead), Section("Limits", notes=[*limits(facts, found), WHERE])]
    return shortened(markdown(cut(facts.title, TITLE), parts, 3))


def shortened(text: str) -> str:
    """What MLflow can keep of a description, in whole lines."""
    if len(text) <= LONGEST:
        return text
    end = "\n\n(cut; the rest is in model_card.md)\n"
    return text[: max(text.rfind("\n", 0, LONGEST - len(end)), 0)] + end


def _title(facts: Facts) -> str:
    return f"Model card: {facts.title}"
