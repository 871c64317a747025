#!/usr/bin/env bash
# An MLflow server for a team: runs in PostgreSQL, files below one root, answers on loopback. See docs/team-server.md.
# Usage: MLFLOW_BACKEND_STORE_URI=postgresql://USER:PASSWORD@HOST/DATABASE scripts/team_server.sh ARTIFACT_ROOT
#   HOST, PORT, WORKERS   address (127.0.0.1), port (5000), processes (4)
#   AUTH=1                users and permissions by MLflow's basic-auth app
#   PYTHON                of the environment with drugml[postgres] (that of this checkout otherwise)
# MLflow's other options are environment variables, such as MLFLOW_SERVER_ALLOWED_HOSTS.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
host=${HOST:-127.0.0.1}

fail() { echo "team_server.sh: $*" >&2; exit 2; }

[ $# = 1 ] || fail "expected one argument, the artifact root: a folder of its own or a bucket (s3://...)"
[ -z "${MLFLOW_UVICORN_OPTS:-}${MLFLOW_GUNICORN_OPTS:-}" ] ||
  fail "MLFLOW_UVICORN_OPTS and MLFLOW_GUNICORN_OPTS can open other addresses: unset them"

# the password stays in the environment: arguments can be read by every user of the machine
case ${MLFLOW_BACKEND_STORE_URI:-} in
  postgresql://*) # the driver is named because SQLAlchemy 2.1 takes psycopg 3 otherwise
    MLFLOW_BACKEND_STORE_URI=postgresql+psycopg2://${MLFLOW_BACKEND_STORE_URI#postgresql://} ;;
  postgresql+*://*) ;;
  *) fail "MLFLOW_BACKEND_STORE_URI is not set to postgresql://USER:PASSWORD@HOST/DATABASE" ;;
esac

kind=$("$python" - "$host" <<'PY'
import ipaddress, socket, sys
try:
    found = {ipaddress.ip_address(a[4][0]) for a in socket.getaddrinfo(sys.argv[1], None)}
except OSError:
    print("unknown")
else:
    wildcard, loopback = any(a.is_unspecified for a in found), all(a.is_loopback for a in found)
    print("wildcard" if wildcard else "loopback" if loopback else "open")
PY
)
case $kind in
  loopback) ;;
  open) [ "${AUTH:-}" = 1 ] ||
    fail "HOST=$host answers other machines, and anyone there could change runs: set AUTH=1, or stay on 127.0.0.1" ;;
  wildcard) fail "HOST=$host means every network of this machine: name one address" ;;
  *) fail "HOST=$host is no address of this machine" ;;
esac

app=()
if [ "${AUTH:-}" = 1 ]; then
  "$python" -c 'import flask_wtf' 2>/dev/null || fail "AUTH=1 needs Flask-WTF: pip install 'mlflow[auth]'"
  [ -n "${MLFLOW_AUTH_CONFIG_PATH:-}" ] ||
    fail "AUTH=1 needs MLFLOW_AUTH_CONFIG_PATH: the users would be in a file of the current folder otherwise"
  [ -n "${MLFLOW_FLASK_SERVER_SECRET_KEY:-}" ] ||
    fail "AUTH=1 needs MLFLOW_FLASK_SERVER_SECRET_KEY: a long random text that stays the same"
  app=(--app-name basic-auth)
fi

export MLFLOW_BACKEND_STORE_URI MLFLOW_DISABLE_TELEMETRY=true MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=${MLFLOW_SERVER_ENABLE_JOB_EXECUTION:-false} # for judging language models
exec "$python" -m mlflow server --host "$host" --port "${PORT:-5000}" --workers "${WORKERS:-4}" \
  --artifacts-destination "$1" "${app[@]}"
