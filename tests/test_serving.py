"""`mlflow models serve` on a logged model, over real HTTP; and the same model in Python and in Spark."""

import json
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pandas as pd
import pytest

from drugml.errors import UserError
from drugml.prediction.bundle import load
from drugml.tracking.models import log_model
from drugml.tracking.store import connect, mlflow
from tests.conftest import SMILES
from tests.servers import scoring_server


class Logged(NamedTuple):
    uri: str
    store: str
    folder: Path


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, database: Path, forest: Path) -> Logged:
    """A forest of two targets, logged to a store of its own."""
    folder = tmp_path_factory.mktemp("serving")
    shutil.copy(database, folder / "mlflow.db")
    store = connect(f"sqlite:///{folder}/mlflow.db")
    run = store.client.create_run(store.experiment("served")).info.run_id
    return Logged(log_model(store, run, forest, load(forest).spec), store.uri, folder)


@pytest.fixture(scope="module")
def served(logged: Logged) -> Iterator[str]:
    """Address of the scoring server."""
    with scoring_server(logged.uri, logged.store, logged.folder) as address:
        yield address


def ask(address: str, body: bytes, kind: str = "application/json") -> tuple[int, Any]:
    """Status and answer of the server; its JSON must be JSON, which has no NaN."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is no JSON")

    request = urllib.request.Request(f"{address}/invocations", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, json.loads(answer.read(), parse_constant=refuse)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def records(*smiles: object) -> bytes:
    return json.dumps({"dataframe_records": [{"smiles": s} for s in smiles]}).encode()


def test_good_and_bad_molecules_have_a_row_each(served: str, forest: Path) -> None:
    code, found = ask(served, records("CCO", "C1CC", None, "c1ccccc1O", 7))
    assert code == 200
    rows = found["predictions"]
    predictor = load(forest)
    targets = predictor.spec.targets
    assert [[*row] for row in rows] == [[*targets, "status", "reason"]] * 5
    assert [r["status"] for r in rows] == ["ok", "parse_error", "empty", "ok", "parse_error"]
    assert [r["reason"] for r in rows] == ["", "not a SMILES: 'C1CC'", "no SMILES", "", "not a SMILES: '7'"]
    expected = predictor.predict(["CCO", "c1ccccc1O"]).values
    assert [[rows[i][t] for t in targets] for i in (0, 3)] == pytest.approx(expected)
    assert [rows[i][t] for i in (1, 2, 4) for t in targets] == [None] * 3 * len(targets)
    assert ask(served, b"smiles,id\nCCO,1\nC1CC,2\n", "text/csv") == (200, {"predictions": rows[:2]})
    assert ask(served, json.dumps({"inputs": ["CCO"]}).encode()) == (200, {"predictions": rows[:1]})
    nothing = json.dumps({"dataframe_split": {"columns": ["smiles"], "data": []}}).encode()
    assert ask(served, nothing) == (200, {"predictions": []})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Ensure that input is a valid JSON formatted string"),
        (b"{}", "exactly one of the input fields"),
        (b'{"dataframe_records": []}', "Model is missing inputs ['smiles']"),
        (b'{"dataframe_records": [{"structure": "CCO"}]}', "Model is missing inputs ['smiles']"),
    ],
)
def test_a_body_without_molecules_is_a_clear_mistake_of_the_client(served: str, body: bytes, said: str) -> None:
    code, found = ask(served, body)
    assert code == 400
    assert said in found["message"]


def test_ten_thousand_molecules_in_one_request(served: str, forest: Path) -> None:
    many = (SMILES * 167)[:10_000]
    code, found = ask(served, records(*many))
    assert code == 200
    assert {r["status"] for r in found["predictions"]} == {"ok"}
    targets = load(forest).spec.targets
    values = np.array([[r[t] for t in targets] for r in found["predictions"]])
    once = load(forest).predict(SMILES).values
    assert values.shape == (10_000, len(targets))
    assert values == pytest.approx(np.tile(once, (167, 1))[:10_000])


def test_in_python_numbers_stay_numbers(logged: Logged) -> None:
    connect(logged.store)
    table = pd.DataFrame({"smiles": ["CCO", "C1CC"]}, index=[7, 9])
    out = mlflow.pyfunc.load_model(logged.uri).predict(table)
    targets = [c for c in out.columns if c not in ("status", "reason")]
    assert out.index.tolist() == [7, 9]
    assert {str(out[t].dtype) for t in targets} == {"float64"}
    assert out[targets].isna().all(axis=1).tolist() == [False, True]


def test_a_model_file_that_was_changed_is_refused(logged: Logged) -> None:
    (tensors,) = logged.folder.rglob("model.safetensors")
    connect(logged.store)
    kept = tensors.read_bytes()
    tensors.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    try:
        with pytest.raises(UserError, match="changed or cut short"):
            mlflow.pyfunc.load_model(logged.uri)
    finally:
        tensors.write_bytes(kept)


def test_in_spark_a_table_has_values_status_and_reason(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = pytest.importorskip("pyspark.sql", reason="no test on Spark without pyspark")
    connect(logged.store)
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    spark = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        predict = mlflow.pyfunc.spark_udf(spark, logged.uri, env_manager="local")
        table = spark.createDataFrame([("CCO",), ("C1CC",)], ["smiles"])
        rows = table.withColumn("out", predict("smiles")).select("smiles", "out.*").collect()
    finally:
        spark.stop()
    expected = mlflow.pyfunc.load_model(logged.uri).predict(pd.DataFrame({"smiles": ["CCO"]})).iloc[0]
    assert [r["status"] for r in rows] == ["ok", "parse_error"]
    assert rows[1]["reason"] == "not a SMILES: 'C1CC'"
    for target in expected.index.drop(["status", "reason"]):
        assert rows[0][target] == pytest.approx(expected[target])
        assert rows[1][target] is None or np.isnan(rows[1][target])
