"""Curate raw ChEMBL exports and hold the result against another tool's curation of the same file.

    DRUGML_DATA=... python scripts/compare_curation.py

Prints molecules in common, only ours and only theirs, and why; and how far the values of the common ones are apart.
The other tool is AMPL: replicates averaged, bounds along with values, relation of the mean.
"""

import csv
import gzip
import os
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.rdBase import BlockLogs

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.runs.curate import DEFAULTS, Report, curate_table

DATA = Path(os.environ["DRUGML_DATA"]) / "chembl_raw"
LABELS = {"column": "Standard Value", "relation": "Standard Relation", "unit_column": "Standard Units", "to": "p"}
NEAR = 0.01


def main() -> None:
    """One table of both endpoints, and what lies behind each difference."""
    for kind in ("Ki", "IC50"):
        with tempfile.TemporaryDirectory() as folder:
            ours, report = curated(kind, Path(folder) / "out.csv")
        theirs = reference(kind)
        both = ours.keys() & theirs.keys()
        print(f"SLC6A3 {kind}: {len(ours):,} molecules ours, {len(theirs):,} theirs, {len(both):,} in common")
        rejected = Counter(r.reject.status.value for r in report.curated.rejected)
        print(f"  rows of the file: {report.curated.judged.rows:,}; rejected: {dict(rejected)}; "
              f"without a label: {report.curated.judged.unlabelled:,}")  # fmt: skip
        for who, mine, other in (("ours", ours, theirs), ("theirs", theirs, ours)):
            alone = [mine[k] for k in sorted(mine.keys() - other.keys())]
            skeletons = {k[:14] for k in other}
            known = ["another stereo or charge form" if r["key"][:14] in skeletons else "absent" for r in alone]
            why = Counter(f"{k} there" for k in known)
            print(f"  only {who}: {len(alone)} {dict(why)}")
            for r in alone[:6]:
                print(f"    {r['smiles'][:90]}  {r['value']}")
        differences(ours, theirs, both)


def curated(kind: str, out: Path) -> tuple[dict[str, dict[str, str]], Report]:
    """InChIKey to what `drugml data curate` makes of the raw export."""
    target = f"p{kind}"
    data = {"path": str(DATA / f"SLC6A3_{kind}_raw.csv.gz"), "targets": [target], "labels": {target: LABELS}}
    config = check(RunSpec, {"data": data}, {(): "script"}, [*DEFAULTS, "data.replicates.by=mean"])
    report = curate_table(config, out)
    with out.open() as file:
        rows = list(csv.DictReader(file))
    bounds = report.curated.judged.low != report.curated.judged.high
    kept = report.curated.rows
    return {
        r["inchikey"]: {
            "key": r["inchikey"],
            "smiles": r["smiles"],
            "value": r[target],
            "rows": "bounds among several rows"
            if bounds[at].any()
            else f"{'several rows' if len(at) > 1 else 'one row'}",
        }
        for r, at in zip(rows, kept, strict=True)
    }, report


def reference(kind: str) -> dict[str, dict[str, str]]:
    """InChIKey to the other curation."""
    out: dict[str, dict[str, str]] = {}
    with gzip.open(DATA / f"SLC6A3_{kind}_curated.csv.gz", "rt") as file, BlockLogs():
        for r in csv.DictReader(file):
            smiles = r["base_rdkit_smiles"]
            key = Chem.MolToInchiKey(Chem.MolFromSmiles(smiles))
            out.setdefault(key, {"key": key, "smiles": smiles, "value": r[f"avg_p{kind}"]})
    return out


def differences(ours: dict[str, dict[str, str]], theirs: dict[str, dict[str, str]], both: set[str]) -> None:
    """How far the values are apart, and what those have in common that are."""
    apart = {k: abs(float(ours[k]["value"]) - float(theirs[k]["value"])) for k in both}
    far = [k for k, d in apart.items() if d >= NEAR]
    print(f"  values within {NEAR}: {np.mean([d < NEAR for d in apart.values()]):.1%} of the common molecules; "
          f"{len(far)} are not, largest difference {max(apart.values()):.2f}")  # fmt: skip
    kinds = Counter(ours[k]["rows"] for k in far)
    for kind, n in kinds.most_common():
        print(f"    {n:3d} x {kind}")


if __name__ == "__main__":
    main()
