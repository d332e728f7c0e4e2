# Two commands matter: `make up` runs Kindred, `make test` tests it.
# Everything lands in .venv and, when it runs, in the data folder (KINDRED_DATA, else .kindred).

PYTHON ?=
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
TESTS  ?=
SECONDS ?= 60
SHELL  := /bin/sh
SIDE_BY_SIDE := -n logical --maxprocesses 6 --dist loadgroup
# Whoever set it would have every process here translate all of its source anew: seconds a start.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: up install-gpu test test-long soak fuzz bench lint format reference lock install install-dev clean help
.DEFAULT_GOAL := help

help: ## Show what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

up: install ## Install what is missing, then run Kindred (make up ARGS="--port 9000")
	@exec $(BIN)/kindred up $(ARGS)

install: ## Install the locked packages into .venv
	@PYTHON="$(PYTHON)" sh config/install.sh run

install-gpu: ## The same with torch, for faces on a graphics card or neural ones (3 GB)
	@PYTHON="$(PYTHON)" sh config/install.sh gpu

install-dev:
	@PYTHON="$(PYTHON)" sh config/install.sh dev

test: install-dev ## Run the tests on the real embedded servers (make test TESTS=tests/storage)
	@$(BIN)/python -m pytest $(if $(TESTS),-m "not soak" $(TESTS),-m "not soak and not long" $(SIDE_BY_SIDE))

test-long: install-dev ## Run the rest: whole houses, calls in real time, a whole browser
	@$(BIN)/python -m pytest -m "long and not soak"

soak: install-dev ## Run the long tests too
	@$(BIN)/python -m pytest -m soak --timeout 3600 $(TESTS)

fuzz: install-dev ## Feed made-up bytes to whatever reads a peer's (make fuzz SECONDS=60)
	@PYTHONPATH=. $(BIN)/python tests/fuzz/fuzz_frames.py -max_total_time=$(SECONDS) -max_len=4096

bench: install-dev ## Measure beside the bare model and beside our peers; tables, and JSON in build/
	@$(BIN)/python -m loadtest.bench $(ARGS)
	@$(BIN)/python -m loadtest.peers.bench
	@$(BIN)/python -m loadtest.bench_hostile
	@$(BIN)/python -m loadtest.bench_growth
	@$(BIN)/python -m loadtest.bench_resume
	@$(BIN)/python -m loadtest.bench_death
	@$(BIN)/python -m loadtest.bench_word
	@$(BIN)/python -m loadtest.bench_bus
	@$(BIN)/python -m loadtest.bench_hearing
	@$(BIN)/python -m loadtest.bench_speech
	@$(BIN)/python -m loadtest.bench_faces
	@$(BIN)/python -m loadtest.bench_calls
	@$(BIN)/python -m loadtest.bench_capacity
	@$(BIN)/python -m loadtest.bench_corrections
	@$(BIN)/python -m loadtest.peers.voice_bench
	@$(BIN)/python -m loadtest.bench_voice

lint: install-dev ## Style, types and the order of the house
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install-dev ## Put the code into the house's format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

reference: install-dev ## Write docs/reference and the browser's types anew from the code
	@$(BIN)/python -m server.reference

lock: install-dev ## Write the lock files anew from config/*.in
	@cd config && for name in requirements requirements-dev requirements-gpu; do \
	  held=; [ $$name = requirements-gpu ] && held="-c requirements.lock"; \
	  ../$(BIN)/uv pip compile $$name.in $$held --universal --generate-hashes \
	    --python-version 3.11 -o $$name.lock -q --no-header --no-annotate --upgrade || exit 1; done
	@echo "requirements-uv.lock and requirements-model.lock pin one package each, by hand."

clean: ## Remove .venv and caches; the data folder stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
