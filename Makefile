# Nothing to install first: each target fetches and builds what it needs into this checkout
# (.venv, .parts, target). Needs Python 3.11+, Rust and Node 20+ on the machine.

PYTHON ?= python3
TOPIC ?= main-job
FUZZ_S ?= 60
CELLS ?=
CONFIG ?= examples/quickstart/mcpgate.yaml
BIN := .venv/bin
RUST := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml $(wildcard Cargo.lock)
PARTS := $(wildcard $(foreach part,node npm,$(addprefix scripts/parts/$(part)/,package.json package-lock.json .npmrc)))
PEERS := $(wildcard $(foreach part,servers suite python-1,scripts/parts/$(part)/* scripts/parts/$(part)/.npmrc))

# One profile and one target directory, so that everything is compiled once.
export CARGO_TARGET_DIR := $(CURDIR)/target
export PYTHONPATH := $(CURDIR)/python

.DEFAULT_GOAL := help
.PHONY: help run test conformance lint check-python check-rust bench figures fuzz docs image wheels pin clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | sort | expand -t 12

run: .venv/.built .parts/.installed ## start the gateway in front of the quickstart's four servers
	@$(BIN)/python examples/quickstart/start.py -c $(CONFIG)

test: lint .venv/.built parts-for-tests ## check and test everything
	cargo test --release --quiet --workspace
	$(BIN)/pytest

conformance: .venv/.built .parts/.installed .parts/.peers ## compare the official MCP suite with and without the gateway
	$(BIN)/python -m tests.conformance $(CELLS)

lint: check-python check-rust ## format, types, layers, clippy

check-python: .venv/.built
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest mcpgate._core

check-rust:
	cargo fmt --check
	cargo clippy --release --quiet --workspace --all-targets -- -D warnings
	cargo clippy --release --quiet -p mcpgate-core --features python -- -D warnings

bench: .venv/.built ## measure, print the table, compare with the last committed one
	$(BIN)/python -m bench

figures: .venv/.built ## print the figures of TOPIC against their bars
	@$(BIN)/python -m bench.figures $(TOPIC)

fuzz: ## fuzz TARGET (default: each) for FUZZ_S seconds; needs a nightly Rust
	@scripts/fuzz.sh $(FUZZ_S) $(TARGET)

docs: .venv/.built ## write docs/reference from the code
	$(BIN)/python -m scripts.reference

image: ## build the container image mcpgate:local
	docker build --tag mcpgate:local .

wheels: .venv/.installed ## build the wheel and the source archive into dist/
	$(BIN)/maturin build --release --locked --out dist
	$(BIN)/maturin sdist --out dist

pin: ## write what .venv holds into requirements-dev.txt
	@{ head -n 1 requirements-dev.txt; \
	   $(BIN)/python -m pip freeze --disable-pip-version-check --exclude-editable --exclude mcpgate; \
	} > .venv/pinned && mv .venv/pinned requirements-dev.txt

clean: ## remove everything that was built or fetched
	rm -rf .venv .parts .state target dist python/mcpgate/_core*.so

.PHONY: parts-for-tests
parts-for-tests: # a missing part fails in CI; elsewhere the tests that need it are skipped by name
	@$(MAKE) --no-print-directory .parts/.installed .parts/.peers .parts/.schemas || [ "$$CI" != true ]

.venv/.installed: requirements-dev.txt
	@scripts/venv.sh $(PYTHON)
	@touch $@

.venv/.built: .venv/.installed pyproject.toml $(RUST)
	@echo "building mcpgate (the first time takes some minutes)"
	@PIP_QUIET=1 $(BIN)/maturin develop --release --locked --quiet
	@touch $@

.parts/.installed: scripts/parts.sh $(PARTS)
	@scripts/parts.sh
	@touch $@

# Only tests need these, so `make run` does not fetch them.
.parts/.peers: scripts/parts.sh $(PEERS) | .parts/.installed
	@PYTHON=$(PYTHON) scripts/parts.sh peers
	@touch $@

.parts/.schemas: scripts/parts/schemas.sh requirements-dev.txt | .venv/.installed
	@scripts/parts/schemas.sh
	@touch $@
