# Everything sets itself up: `make demo` and `make test` work from a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test test-containers seeds lint format types imports check bench counts lock clean

help:  ## what there is to type
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "steprelay needs Python 3.11 or newer, $(PYTHON) is %d.%d; say make PYTHON=python3.X" % sys.version_info[:2])'
	@echo "setting up $(VENV) (once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)  ## run examples/robust.py on the embedded relay and watch it retry and finish
	@$(BIN)/python examples/robust.py run --on local; code=$$?; $(BIN)/steprelay local down; exit $$code

test: $(READY)  ## the tests, in parallel on two cores
	@$(BIN)/python -m pytest -n 2 --dist worksteal

test-containers: $(READY)  ## every function on every payload of events/ by `sam local invoke` (needs root or Docker)
	@tools/containers/run

seeds: $(READY)  ## the simulator: 3,000 seeds that are always the same and 600 of today
	@$(BIN)/python -m tests.simulation --seeds 0:3000 --fresh 600

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet . && $(BIN)/cfn-lint template.yaml

format: $(READY)
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

types: $(READY)
	@$(BIN)/mypy

imports: $(READY)
	@$(BIN)/lint-imports

check: lint types imports  ## lint, types and import rules

bench: $(READY)  ## three light steps, and a wide foreach, on the warm relay against Metaflow's local runner
	@$(BIN)/python -m benchmarks.three_steps
	@$(BIN)/python -m benchmarks.wide_foreach

counts: $(READY)  ## what a foreach of 10 to 100,000 tasks takes in requests, and what they cost
	@$(BIN)/python -m benchmarks.arrays

COMPILE = $(BIN)/uv pip compile --universal --generate-hashes --no-header --quiet
# Lambda's runtime has botocore and what it needs; the layer is tested with the versions of requirements.lock.
IN_RUNTIME = botocore urllib3 python-dateutil six

lock: $(READY)  ## renew every lock
	@$(COMPILE) --upgrade pyproject.toml --extra local --group dev --python-version 3.11 -o requirements.lock
	@$(COMPILE) --upgrade requirements-sam.in --python-version 3.11 -o requirements-sam.lock
	@$(COMPILE) --upgrade tools/containers/runtime.in --python-version 3.13 -o tools/containers/runtime.lock
	@$(COMPILE) layers/core/requirements.in -c requirements.lock --python-version 3.13 \
		$(IN_RUNTIME:%=--no-emit-package %) -o layers/core/requirements.txt

clean:
	@rm -rf $(VENV) .venv-sam .aws-sam .steprelay .mypy_cache .pytest_cache .ruff_cache .hypothesis
