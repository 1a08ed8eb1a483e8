# make demo: from a clone to word error rates. make test: all checks. Both set up what they need.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Distributions build Python with profile-guided optimisation, pyenv by default without: a fifth slower.
PYTHON ?= $(shell for python in /usr/bin/python3.11 python3.11; do \
	$$python -c 'import venv, ensurepip' 2>/dev/null && break; done; echo $$python)
PIP_INSTALL := -m pip --disable-pip-version-check install -qq
# An environment is ready when it has the stamp of the files that describe it.
stamp_of = $(shell cat $(1) 2>/dev/null | sha256sum | cut -c 1-16)
MAIN := .venv/.main-$(call stamp_of,requirements/main.txt pyproject.toml)
DEV := .venv/.dev-$(call stamp_of,requirements/main.txt requirements/dev.txt)
K2 := .venv-k2/.ready-$(call stamp_of,requirements/k2.txt)
BIN := .venv/bin

.PHONY: help demo test test-slurm fuzz lint setup clean

help:
	@echo "make demo   synthetic digits from corpus to word error rates, in a few minutes"
	@echo "make test   all checks and tests"
	@echo "make lint   the checks alone"
	@echo "make test-slurm  recipes on a real Slurm set up here (root; apt-get install slurm-wlm munge)"
	@echo "make fuzz   damaged files for every parser, SECONDS=120 for each"
	@echo "make setup  only the environments (.venv, .venv-k2)"
	@echo "make clean  remove environments, caches and the demo's results"

demo: $(MAIN) $(K2)
	@$(BIN)/python -m pipeline.cli run demo

setup: $(MAIN) $(K2) $(DEV)

test: lint $(K2)
	$(BIN)/python -m pytest

# Never part of `test`: it needs root, a scheduler's daemons and CORPORA_DIR.
test-slurm: $(MAIN) $(DEV) $(K2)
	$(BIN)/python $(PIP_INSTALL) -r requirements/main.txt -r requirements/cluster.txt
	benchmarks/cluster/slurm_here.sh $(BIN)/python -m pytest -s --with slurm tests/workflow/test_slurm.py

SECONDS ?= 120
fuzz: $(MAIN) $(DEV)
	$(BIN)/python -m benchmarks.fuzz.run --seconds $(SECONDS)

lint: $(MAIN) $(DEV)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m snakefmt --check Snakefile pipeline/rules/*.smk recipes/*/Snakefile
	$(BIN)/python -m snakemake --lint
	$(BIN)/python -m snakemake --lint --snakefile recipes/clipping_study/Snakefile

$(MAIN):
	@$(call need_python)
	@echo "Setting up the main environment in .venv (once, some minutes)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP_INSTALL) -r requirements/main.txt
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@rm -f .venv/.main-* && touch $@

$(DEV): $(MAIN)
	@$(BIN)/python $(PIP_INSTALL) -r requirements/main.txt -r requirements/dev.txt
	@rm -f .venv/.dev-* && touch $@

$(K2):
	@$(call need_python)
	@echo "Setting up k2's environment in .venv-k2 (once, 2 GB to fetch, 4 GB on disk)"
	@$(PYTHON) -m venv .venv-k2
	@.venv-k2/bin/python $(PIP_INSTALL) --require-hashes -r requirements/k2.txt
	@.venv-k2/bin/python -c 'import k2' || { echo "error: k2 cannot be imported, see above; if libpython3.11 is missing: sudo apt-get install libpython3.11" >&2; exit 1; }
	@rm -f .venv-k2/.ready-* && touch $@

clean:
	rm -rf .venv .venv-k2 exp/demo .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define need_python
$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
	{ echo "error: Python 3.11 with venv is needed: sudo apt-get install python3.11 python3.11-venv (or set PYTHON=path)" >&2; exit 1; }
endef
