"""The code MLflow runs to serve a bundle: a table with a `smiles` column in, values, status and reason out."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel

from drugml.data.status import Status
from drugml.prediction.bundle import load


class Rows(pd.DataFrame):
    """A table whose missing numbers are null in JSON, which has no NaN: MLflow's REST server asks `to_dict` for it."""

    def to_dict(self, *args: Any, **kwargs: Any) -> Any:
        """As in pandas, with None where nothing is."""
        plain = pd.DataFrame(self).astype(object)
        return plain.where(plain.notna(), None).to_dict(*args, **kwargs)


class Served(PythonModel):  # type: ignore[misc]
    """Loads the bundle once and predicts row by row of the input; a bad SMILES has a reason, not a number."""

    def load_context(self, context: Any) -> None:
        self.predictor = load(Path(context.artifacts["bundle"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        smiles = ["" if pd.isna(s) else str(s) for s in model_input["smiles"]]
        predicted, spec = self.predictor.predict(smiles), self.predictor.spec
        out = Rows(predicted.columns, columns=[*spec.targets, *spec.spreads], index=model_input.index)
        rejects, notes = predicted.rejects, predicted.notes
        out["status"] = [rejects[i].status.value if i in rejects else Status.OK.value for i in range(len(smiles))]
        out["reason"] = [rejects[i].reason if i in rejects else notes.get(i, "") for i in range(len(smiles))]
        return out


mlflow.models.set_model(Served())
