#!/usr/bin/env bash
# From nothing to predictions: environment, training on embedded data, MLflow, registry, prediction.
# Usage: scripts/demo.sh [FOLDER]     everything is written to FOLDER (default: demo)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/env.sh"
make_env "" "$root"
mkdir -p "${1:-demo}"
cd "${1:-demo}"
drugml="$root/.venv/bin/drugml"

echo "== train a D-MPNN on logBB (B3DB, scaffold split), log it to MLflow, register it"
"$drugml" train "$root/configs/examples/logbb.yaml" tracking.register_as=logbb-demo
echo
echo "== predict five molecules, one of them broken, with the registered model"
"$drugml" predict models:/logbb-demo@candidate "$root/scripts/demo_molecules.csv" --out predictions.csv
echo
echo "== compare runs and models in the browser"
echo "cd $PWD && $drugml ui      then open the page that it names"
