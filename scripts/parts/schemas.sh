#!/usr/bin/env bash
# Fetches the official JSON Schema Test Suite into .parts/schemas/json: it ships inside the source
# archive of the PyPI package jsonschema, at the version that requirements-dev.txt names.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=$(sed -n 's/^jsonschema==//p' requirements-dev.txt)
echo "fetching the JSON Schema Test Suite of jsonschema $version into .parts"
rm -rf .parts/schemas
mkdir -p .parts/schemas
.venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps \
    --no-binary jsonschema --dest .parts/schemas "jsonschema==$version"
tar -xzf ".parts/schemas/jsonschema-$version.tar.gz" -C .parts/schemas --strip-components 1 \
    "jsonschema-$version/json/tests"
rm ".parts/schemas/jsonschema-$version.tar.gz"
