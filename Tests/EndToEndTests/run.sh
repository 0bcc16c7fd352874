#!/usr/bin/env bash
# Runs the end-to-end suite against a built binary: run.sh BINARY [pytest arguments]
#   WHERRY_SOAK=1 gives the long runs their full length.
set -euo pipefail
binary=$(realpath "${1:?usage: run.sh BINARY [pytest arguments]}")
shift
cd "$(dirname "$0")"
# Debian's pytest, where there is one: `make setup` installs it.
python=/usr/bin/python3
"$python" -c 'import pytest' 2>/dev/null || python=python3
export WHERRY_BINARY=$binary PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$PWD/..${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m pytest -p no:cacheprovider -p deadline --maxfail=5 --durations=10 -q -rs "$@"
