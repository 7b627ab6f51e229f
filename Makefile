# Each target works from a bare clone: it makes .venv and installs what it needs by itself.
#
#   make demo    the main job: an agent notebook, killed and resumed, pays for no call twice
#   make test    lint, types and every test, the front end's and the browser's included
#   make lab     the tutorial, in JupyterLab
#   make soak    kills and edits at full length    make bench   the measurements
#   make lint    ruff, mypy, tsc                   make clean   removes what was built
#   make frameworks  the table of agent frameworks, in an environment of its own
#   make rivals  one job beside DBOS, LangGraph, Curator and pydantic-ai, likewise
#   make matrix  every Python claimed, lowest and newest dependencies, an environment each
#
# PYTHON=… chooses the interpreter (3.11 to 3.13), CHROMIUM=… the browser, ARGS=… is for pytest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test suite front lab soak bench frameworks rivals matrix lint clean

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	$$p -c '$(FITS)' 2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
ENV := .venv/.made-$(shell cat pyproject.toml hatch_build.py | cksum | cut -d' ' -f1)
FRONT := duranb/timelines/static/timeline.js
FRONT_SOURCES := $(shell find widgets/src -type f) $(wildcard widgets/*.json widgets/build.mjs)

help:
	@sed -n '3,12s/^# \{0,1\}//p' Makefile

$(ENV):
	@[ -n "$(PYTHON)" ] || { echo "duranb needs Python 3.11, 3.12 or 3.13: none was found on PATH. Set PYTHON=/path/to/python3" >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv || { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment: install its venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "installing duranb and its development tools into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@$(BIN)/python hatch_build.py --requires | xargs -r $(BIN)/python -m pip install --quiet --disable-pip-version-check
	@rm -f .venv/.made-*
	@touch $@

# The install above bundles the front end too; this brings later edits in.
$(FRONT): $(FRONT_SOURCES) | $(ENV)
	@$(BIN)/python hatch_build.py
	@touch $@

demo: $(ENV) $(FRONT)
	@$(BIN)/duranb demo

# A copy of the tutorial, so that running it leaves nothing in notebooks/.
lab: $(ENV) $(FRONT)
	@mkdir -p .lab && cp -n notebooks/*.ipynb .lab/ || true
	@cd .lab && ../$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) licence_agent.ipynb

lint: $(ENV)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m duranb.timelines.wire --check
	@$(BIN)/python hatch_build.py --check

# What only reads the code takes half a minute of one processor, and goes on beside the tests.
test: $(ENV) $(FRONT)
	@$(MAKE) --no-print-directory -j 2 front suite

front: lint $(FRONT)
	@$(BIN)/python hatch_build.py --test

# Where Python is told to write no bytecode, each process of a test would compile duranb anew.
suite: $(ENV) $(FRONT)
	@$(BIN)/python -m compileall -q -x /programs/ duranb tests
	@chromium="$$($(BIN)/python tests/browser/chromium.py)"; \
	CHROMIUM="$$chromium" $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

# Those that draw examples or repeat what chance decides, of which a sample runs in the others.
PROPERTIES := $(shell grep -l 'import examples$$' tests/*/test_*.py)

soak: $(ENV) $(FRONT)
	@$(BIN)/python -m pytest tests/faults tests/peers -m 'soak or not soak' $(ARGS)
	@chromium="$$($(BIN)/python tests/browser/chromium.py)"; \
	CHROMIUM="$$chromium" $(BIN)/python -m pytest tests/unit tests/kernel tests/targets tests/browser -m soak $(ARGS)
	@DURANB_EXAMPLES=20 $(BIN)/python -m pytest $(PROPERTIES) --timeout 0 $(ARGS)

bench: $(ENV) $(FRONT)
	@for file in tests/benchmarks/bench_*.py; do \
		$(BIN)/python -m tests.benchmarks.$$(basename $$file .py); \
	done

# The frameworks agree on few versions, so all are pinned, and none of them is looked for by pip.
FRAMEWORKS := .frameworks/.made-$(shell cat pyproject.toml tests/frameworks/requirements.txt | cksum | cut -d' ' -f1)

$(FRAMEWORKS):
	@[ -x .frameworks/bin/python ] || $(PYTHON) -m venv .frameworks
	@echo "installing the agent frameworks into .frameworks"
	@.frameworks/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/frameworks/requirements.txt
	@.frameworks/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@rm -f .frameworks/.made-*
	@touch $@

# NAMES=… chooses some of tests/frameworks/programs.
frameworks: $(FRAMEWORKS)
	@.frameworks/bin/python -m tests.frameworks $(NAMES)

RIVALS := .rivals/.made-$(shell cat pyproject.toml tests/rivals/requirements.txt | cksum | cut -d' ' -f1)

$(RIVALS):
	@[ -x .rivals/bin/python ] || $(PYTHON) -m venv .rivals
	@echo "installing the rivals into .rivals"
	@.rivals/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/rivals/requirements.txt
	@.rivals/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@rm -f .rivals/.made-*
	@touch $@

# NAMES="dbos --count 300" chooses some of tests/rivals/programs, and how many documents.
rivals: $(RIVALS)
	@.rivals/bin/python -m tests.rivals $(NAMES)

# NAMES=… chooses some (3.12-lowest), PYTHON_3_12=… says where that Python is, ARGS=… is for pytest.
matrix: $(ENV)
	@$(BIN)/python -m tests.matrix $(NAMES) -- -n 2 --dist loadfile $(ARGS)

clean:
	@rm -rf .venv .frameworks .rivals .matrix .lab .duranb-demo dist build widgets/node_modules tests/servers/aimock/node_modules duranb/timelines/static .mypy_cache .ruff_cache .pytest_cache .hypothesis
