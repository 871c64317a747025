#!/usr/bin/env bash
# The whole test suite; arguments go to pytest. Tests of one file stay together, which share what takes long to make.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/env.sh"
make_env dev "$root"
cd "$root"
exec .venv/bin/python -m pytest -n "${PYTEST_WORKERS:-2}" --dist worksteal "$@"
