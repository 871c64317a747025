#!/usr/bin/env bash
# The whole test suite; arguments go to pytest.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/env.sh"
make_env dev "$root"
cd "$root"
exec .venv/bin/python -m pytest -n "${PYTEST_WORKERS:-2}" "$@"
