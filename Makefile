# Every line below is one a person could type. Wanted: make, Python >= 3.11 with venv, a network the first time.
# No root. Another Python or another place: make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# A whole gate in a test waits more than it works, so three files run together on two cores; those with gates begin
# (tests/conftest.py).
TOGETHER := -n 3 --dist loadfile --no-loadscope-reorder
# A gate is four processes and a test may start several: each would compile anew all that it imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo test check conformance fuzz hil systems break-it trust bench bench-search diagram clean

help:
	@echo "make demo    watch a day at a simulated lane (about a minute and a half)"
	@echo "make test    the tests"
	@echo "make check   format, lint, types, import contracts, tests with coverage, and a walk through every state of a lane"
	@echo "make conformance  which driver keeps which promise"
	@echo "make fuzz    ten seconds of damaged bytes for every decoder"
	@echo "make hil     hardware in the loop, without hardware: as much of it as this machine can"
	@echo "make systems every lane file live, on simulated hardware: who passes, who is refused"
	@echo "make break-it  break the simulated gate in 25 ways; does the first line of gatefw doctor name each?"
	@echo "make trust   the promises of a gate, each with what came of trying it (some minutes)"
	@echo "make bench   measure on this machine"
	@echo "make bench-search  the search among a million beside other libraries (ten minutes and more; QUICK=1: less)"
	@echo "make diagram draw the lane's table into README.md and docs/lane.md"
	@echo "make clean   remove $(VENV) and caches; models and photographs stay"

demo: $(VENV)/installed
	$(BIN)/gatefw models install --photos
	$(BIN)/gatefw demo

test: $(VENV)/installed-dev
	$(BIN)/gatefw models install --photos
	$(BIN)/pytest $(TOGETHER) -m "not exhaustive"

check: $(VENV)/installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/gatefw models install --photos
	$(BIN)/coverage erase
	$(BIN)/pytest -m exhaustive $$(grep -l mark.exhaustive tests/*.py)
	$(BIN)/coverage run -m pytest $(TOGETHER) -m "not exhaustive"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

conformance: $(VENV)/installed-dev
	$(BIN)/pytest tests/conformance --table

fuzz: $(VENV)/installed-dev
	$(BIN)/python tests/fuzz_wire.py --seconds 10

hil: $(VENV)/installed-dev
	$(BIN)/python tests/hil/run

systems: $(VENV)/installed-dev
	$(BIN)/gatefw models install --photos
	$(BIN)/python tests/systems/run

break-it: $(VENV)/installed-dev
	$(BIN)/gatefw models install --photos
	$(BIN)/python tests/break_it/run

trust: $(VENV)/installed-dev
	$(BIN)/python tests/trust/run

bench: $(VENV)/installed
	$(BIN)/gatefw models install --photos
	$(BIN)/python -m bench

bench-search: $(VENV)/installed
	$(BIN)/python -m bench.search $(if $(QUICK),--quick)

diagram: $(VENV)/installed
	$(BIN)/python -m gatefw.lane_diagram --write README.md docs/lane.md

clean:
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# What an interrupted run left half made is made again: the mark is set last.
$(VENV)/installed: pyproject.toml $(wildcard gatefw/biometrics/kernel/*)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[dev]'
	touch $@
