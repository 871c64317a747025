# Makes .venv with drugml and the extras named in $1 (empty or "dev"); sourced by demo.sh and test.sh.
# Needs only Python 3.11 or newer and pip; does nothing when pyproject.toml and constraints.txt are unchanged.

make_env() {
  local extras=$1 root=$2 venv="$2/.venv" python="" candidate
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$candidate; break; fi
  done
  if [ -z "$python" ]; then
    echo "drugml needs Python 3.11 or newer; none found. Install one, or set PYTHON=/path/to/python3" >&2
    return 1
  fi
  local stamp
  stamp=$(cat "$root/pyproject.toml" "$root/constraints.txt" | "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
  # an environment with the dev extras serves the demo as well
  if [ "$(cat "$venv/.stamp-$extras" 2>/dev/null)" = "$stamp" ] || { [ -z "$extras" ] && [ "$(cat "$venv/.stamp-dev" 2>/dev/null)" = "$stamp" ]; }; then
    return 0
  fi
  echo "installing drugml into $venv (once; some minutes)"
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$root/constraints.txt" \
    --editable "$root${extras:+[$extras]}"
  echo "$stamp" > "$venv/.stamp-$extras"
}
