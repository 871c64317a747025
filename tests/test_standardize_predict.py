"""Prediction standardises exactly as training did, and a bundle that does otherwise is noticed."""

import json
from pathlib import Path

import numpy as np
import pytest

from drugml.data.status import Status
from drugml.errors import UserError
from drugml.prediction import bundle as bundles
from drugml.prediction.bundle import load
from tests.conftest import QUICK, Cli, read_csv, write_csv
from tests.test_predict import make_bundle

FORMS = {
    "CNCCC(Oc1ccc(C(F)(F)F)cc1)c1ccccc1": [  # fluoxetine
        "CNCCC(Oc1ccc(C(F)(F)F)cc1)c1ccccc1.Cl",
        "C[NH2+]CCC(Oc1ccc(C(F)(F)F)cc1)c1ccccc1.[Cl-]",
        "O.FC(F)(F)c1ccc(OC(CCN[13CH3])c2ccccc2)cc1",
    ],
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1": ["CC(C)Cc1ccc(C(C)C(=O)[O-])cc1.[Na+]"],  # ibuprofen
}


@pytest.fixture(scope="module", params=["fast", "chembl"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle"), "dmpnn", f"data.standardize={request.param}")


def test_all_forms_of_a_drug_get_one_prediction(bundle: Path) -> None:
    predictor = load(bundle)
    for parent, forms in FORMS.items():
        values, rejects, *_ = predictor.predict([parent, *forms])
        assert rejects == {}
        np.testing.assert_allclose(values, np.broadcast_to(values[0], values.shape), rtol=1e-6)
    values = predictor.predict([*FORMS]).values
    assert abs(values[0] - values[1]).max() > 1e-4  # it does not say the same of everything


def test_without_standardisation_the_forms_differ(tmp_path: Path) -> None:
    parent, forms = next(iter(FORMS.items()))
    values = load(make_bundle(tmp_path, "dmpnn")).predict([parent, forms[0]]).values
    assert abs(values[0] - values[1]).max() > 1e-4


def test_a_bundle_that_standardises_in_another_way_is_noticed_by_its_probes(bundle: Path) -> None:
    spec = json.loads((bundle / "spec.json").read_text())
    assert spec["standardize"]["parent"] is True
    assert "chembl-structure-pipeline" in spec["versions"]
    other = spec | {"standardize": {"kind": "none"}}
    folder = bundle.parent / "other"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes((bundle / "model.safetensors").read_bytes())
    (folder / "spec.json").write_text(json.dumps(other | {"hash": bundles._hash(other)}))
    with pytest.raises(UserError, match="the model does not give the predictions it was saved with"):
        load(folder)


def test_a_bundle_from_before_standardisation_still_loads(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path, "forest")
    old = {k: v for k, v in json.loads((folder / "spec.json").read_text()).items() if k != "standardize"}
    (folder / "spec.json").write_text(json.dumps(old | {"hash": bundles._hash(old)}))
    assert load(folder).spec.standardize.kind == "none"


def test_from_the_command_line_a_salt_and_its_parent_get_one_prediction(small: Path, place: Path, cli: Cli) -> None:
    options = ["data.standardize=fast", "data.standardize.elements=[C, N, O, S, F, Cl, Br, P]", "data.max_rejected=0.2"]
    done = cli("train", small, "--target", "size", *QUICK, *options)
    assert done.code == 0, done.err
    parent, forms = next(iter(FORMS.items()))
    table = write_csv(place / "in.csv", ["smiles"], [[s] for s in (parent, *forms, "C[Si](C)(C)C")])
    assert cli("predict", "models:/small-size@candidate", table, "--out", "out.csv").code == 0
    rows = read_csv(place / "out.csv")
    np.testing.assert_allclose([float(r["size"]) for r in rows[:-1]], float(rows[0]["size"]), rtol=1e-6)
    assert (rows[-1]["status"], rows[-1]["reason"]) == (
        Status.UNSUPPORTED,
        "Si: not in data.standardize.elements (Br, C, Cl, F, H, N, O, P, S)",
    )
