"""Checks of the structures by their facts; counts are of different molecules."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drugml.data.audit.advice import ADVICE
from drugml.data.audit.finding import Finding, Severity, counted
from drugml.data.audit.table import Examined
from drugml.data.facts import Facts


class StructureCheck(NamedTuple):
    """One property of structures."""

    kind: str
    severity: Severity
    holds: Callable[[Facts], NDArray[np.bool_]]
    what: str
    """Ends the sentence `n molecules …`."""
    detail: str
    """Of an example; names fields of the facts."""


CHECKS = (
    StructureCheck(
        "salts",
        Severity.WARNING,
        lambda f: (f["fragments"] > 1) & ~f["mixture"],
        "with counter-ions or solvent",
        "fragments: {fragments}",
    ),
    StructureCheck(
        "mixtures",
        Severity.WARNING,
        lambda f: f["mixture"],
        "with different components of like size: a mixture",
        "fragments: {fragments}",
    ),
    StructureCheck(
        "undefined_stereo",
        Severity.NOTE,
        lambda f: (f["undefined_centres"] > 0) | (f["undefined_bonds"] > 0),
        "with stereocentres or double bonds without configuration",
        "undefined: centres {undefined_centres}, double bonds {undefined_bonds}",
    ),
    StructureCheck(
        "stereo_groups",
        Severity.NOTE,
        lambda f: f["stereo_groups"] > 0,
        "with enhanced stereo groups (racemic or relative)",
        "groups: {stereo_groups}",
    ),
    StructureCheck("charged", Severity.NOTE, lambda f: f["charge"] != 0, "with a net charge", "charge {charge:+d}"),
    StructureCheck(
        "isotopes", Severity.NOTE, lambda f: f["isotopes"] > 0, "with isotope labels", "labelled atoms: {isotopes}"
    ),
    StructureCheck(
        "radicals",
        Severity.WARNING,
        lambda f: f["radicals"] > 0,
        "with unpaired electrons",
        "unpaired electrons: {radicals}",
    ),
    StructureCheck("metals", Severity.WARNING, lambda f: f["metals"] > 0, "with metal atoms", "metal atoms: {metals}"),
)
"""In the order in which they are shown."""


def check_structures(table: Examined) -> Iterator[Finding]:
    """What is odd about structures."""
    _, first = np.unique(table.molecule, return_index=True)
    first = np.sort(first)
    facts = table.facts[first]
    names = [n for n in facts.dtype.names or () if facts[n].ndim == 1]
    for check in CHECKS:
        found = first[check.holds(facts)]
        if len(found):
            yield table.finding(
                check.kind,
                check.severity,
                f"{counted(len(found), 'molecule')} {check.what}",
                len(found),
                table.molecules,
                advice=ADVICE[check.kind],
                examples=(
                    table.example(i, check.detail.format(**{n: int(table.facts[n][i]) for n in names}))
                    for i in found.tolist()
                ),
            )
