#!/usr/bin/env bash
# Fetches the programs of scripts/parts/ into .parts/: npm packages, and Node where the machine's is old.
# Usage: scripts/parts.sh [peers]; with `peers`, what only tests need: real servers whose definitions are
# screened, the official conformance suite, and the first Python SDK, which cannot live beside the
# current one.
set -euo pipefail
cd "$(dirname "$0")/.."

fetch() { # NAME: install scripts/parts/NAME into .parts/NAME, exactly as its lock says
    mkdir -p ".parts/$1"
    cp "scripts/parts/$1/package.json" "scripts/parts/$1/package-lock.json" "scripts/parts/$1/.npmrc" ".parts/$1/"
    # Nothing here needs its install script, so none runs.
    (cd ".parts/$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
}

if ! command -v npm >/dev/null; then
    echo "npm is missing: install Node 20 or newer" >&2
    exit 1
fi
python_part() { # NAME FOLDER: a virtual environment with exactly what scripts/parts/NAME lists
    [ -x "$2/bin/python" ] || "${PYTHON:-python3}" -m venv "$2"
    # The list is complete, so nothing is resolved again.
    "$2/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        -r "scripts/parts/$1/requirements.txt"
}

if [ "${1:-}" = peers ]; then
    echo "fetching real servers, the conformance suite and the first Python SDK into .parts"
    fetch servers
    fetch suite
    python_part servers .parts/servers/venv
    python_part python-1 .parts/python-1
    exit
fi
echo "fetching parts into .parts"
mkdir -p .parts/bin
node=$(command -v node)
if ! "$node" -e 'process.exit(Number(process.versions.node.split(".")[0]) < 22 ? 1 : 0)'; then
    fetch node
    node=$(find "$PWD/.parts/node/node_modules" -path '*/bin/node' -type f | head -n 1)
    [ -n "$node" ] || { echo "no Node 24 for this machine on npm: install Node 22 or newer" >&2; exit 1; }
fi
ln -sfn "$node" .parts/bin/node
fetch npm
