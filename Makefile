# Two commands show everything: make demo, make test. Each does the set-up it needs.
# PYTHON=/path/to/python3.12 picks an interpreter; EXTRAS=ecg,dev installs less; MEDKD_SHARED says where real data lies.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

EXTRAS ?= all,dev
WHEELS ?= wheelhouse
WHEELS_EXTRAS ?= all
WORKERS ?= auto
BIN := .venv/bin
# Bytecode is kept: without it every start compiles torch anew, several seconds of each command and of each test run.
unexport PYTHONDONTWRITEBYTECODE
# Named after what the installation depends on, so that a changed requirement, and nothing else, installs again.
STAMP := .venv/.installed-$(shell { pwd; echo '$(EXTRAS)'; cat pyproject.toml constraints.txt; } | cksum | cut -d' ' -f1)

.PHONY: help setup demo test check docs format wheelhouse wheelhouse-test bench clean

help:  ## this text
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

setup: $(STAMP)  ## install everything into .venv (nothing, when nothing changed)

$(BIN)/python:
	@for candidate in $(PYTHON) $(if $(PYTHON),,python3 python3.13 python3.12 python3.11); do \
	  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	    echo "set-up with $$("$$candidate" --version)"; "$$candidate" -m venv .venv; exit 0; \
	  fi; \
	done; \
	echo "medkd needs Python 3.11, 3.12 or 3.13 with venv; none was found ($(or $(PYTHON),python3, python3.13, python3.12, python3.11))." >&2; \
	echo "Install one (Debian, Ubuntu: apt install python3 python3-venv), or name it: make setup PYTHON=/path/to/python3.12" >&2; \
	exit 2

$(STAMP): | $(BIN)/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo ".venv is broken: it was moved or not finished. Type: make clean setup" >&2; exit 2; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' constraints.txt)"
	@echo 'installing medkd[$(EXTRAS)] into .venv; the first time downloads about 4 GB'
	@$(BIN)/uv pip install $(if $(CI),--quiet) --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[$(EXTRAS)]'
	@rm -f .venv/.installed-*
	@touch $@

demo: setup  ## a synthetic cohort end to end: report and bundle in runs/demo
	$(BIN)/medkd distill ecg_lead --cohort demo_ecg --out runs/demo

test: setup  ## every test and every docstring's example
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

check: setup  ## ruff, mypy and the test of the layout: what must pass before a commit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_house.py

docs: setup  ## the documentation as a site, in site/: every link and every docstring must be right
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --clean --quiet
	@echo 'open site/index.html'

format: setup  ## let ruff fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheelhouse: setup  ## every wheel that a machine without internet needs, for this Python and platform
	rm -rf $(WHEELS)
	$(BIN)/python -m build --wheel --no-isolation --outdir $(WHEELS) .
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check -c constraints.txt --wheel-dir $(WHEELS) \
	  "medkd[$(WHEELS_EXTRAS)] @ file://$$(realpath $(WHEELS)/medkd-*.whl)"
	cp constraints.txt $(WHEELS)/
	@echo "To install from it alone: pip install --no-index --find-links $(WHEELS) 'medkd[$(WHEELS_EXTRAS)]'"

wheelhouse-test:  ## install from the wheelhouse alone into a fresh environment, and start it
	@place=$$(mktemp -d) && trap 'rm -rf "$$place"' EXIT && wheels=$$(realpath $(WHEELS)) && \
	$(BIN)/python -m venv "$$place/venv" && cd "$$place" && \
	PIP_CONFIG_FILE=/dev/null venv/bin/python -m pip install --quiet --no-index --find-links "$$wheels" 'medkd[$(WHEELS_EXTRAS)]' && \
	venv/bin/medkd --version && venv/bin/medkd list && venv/bin/medkd doctor

bench: setup  ## what is timed, a line each
	@for file in benchmarks/*.py; do $(BIN)/python "$$file"; done

clean:  ## remove .venv, runs and everything that was built
	rm -rf .venv runs dist build site $(WHEELS) .mypy_cache .ruff_cache .pytest_cache
