#!/usr/bin/env bash
# Makes .venv with everything in requirements-dev.txt. Usage: scripts/venv.sh PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."

python=${1:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "mcpgate needs Python 3.11 or newer; $python is not. Name another: make PYTHON=python3.12 run" >&2
    exit 1
fi
[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "installing Python packages into .venv"
# The list is complete, so nothing is resolved again.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-dev.txt
.venv/bin/python -m pip check --disable-pip-version-check >/dev/null
