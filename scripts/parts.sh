#!/usr/bin/env bash
# Fetches the programs of scripts/parts/ into .parts/: npm packages, and Node where the machine's is old.
# Usage: scripts/parts.sh [servers]; with `servers`, only the real servers whose definitions a test screens.
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
if [ "${1:-}" = servers ]; then
    echo "fetching real servers into .parts/servers"
    fetch servers
    python=${PYTHON:-python3}
    [ -x .parts/servers/venv/bin/python ] || "$python" -m venv .parts/servers/venv
    # The list is complete, so nothing is resolved again.
    .parts/servers/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
        -r scripts/parts/servers/requirements.txt
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
