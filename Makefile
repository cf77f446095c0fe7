# Two commands matter: `make demo` and `make test`. Everything runs in .venv, made from the locks.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

.PHONY: demo dev test check format lock bench snapshots clean

demo: .venv/runtime            ## the whole stack with the demo company on http://127.0.0.1:$(PORT)
	@$(BIN)/headwater demo --port $(PORT)

dev: .venv/tools               ## the demo, started again on every change of the code
	@$(BIN)/headwater demo --port $(PORT) --reload

test: .venv/tools              ## every test that needs no browser and no network
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: .venv/tools             ## format, lint, types, import contracts, snapshots
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/headwater schema --check

format: .venv/tools            ## rewrite what `check` would refuse for its form
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

snapshots: .venv/tools         ## write OpenAPI, SDL and events.schema.json anew, for review
	@$(BIN)/headwater schema --write

bench: .venv/tools             ## what docs/performance.md describes, at a small size (SIZE=full for the full one)
	@$(BIN)/python -m benchmarks

lock:                          ## resolve the pins anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --group build pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --group dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv .headwater

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Headwater needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Set PYTHON=python3.x")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: on Debian and Ubuntu, install the package python3-venv."; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/runtime: .venv/bin/python requirements.lock pyproject.toml
	@echo "Installing the pinned packages (first time only) …"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/tools: .venv/runtime requirements-dev.lock
	@echo "Installing the test tools (first time only) …"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@
