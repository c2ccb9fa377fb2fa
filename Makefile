# What people type. `make demo` and `make test` need python3 (3.11 or newer) and, the first time, a package index.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: help demo test check interop bench-signout clean

help:
	@echo 'make demo            two applications, a provider and the proxy, on this machine; open a browser and try'
	@echo 'make test            every test, ruff, mypy'
	@echo 'make interop         the same proxy with real providers and a real browser'
	@echo 'make check           ruff and mypy only'
	@echo 'make bench-signout   how long it takes until everything is cut, and what an end costs'
	@echo 'make clean           remove what these have made'

demo: $(VENV)/.installed
	$(BIN)/pomerium-tx demo

test: check
	$(BIN)/python tests/counted.py

check: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict -p pomerium_tx

# Installs what is missing: Debian's chromium and node, and what tests/interop/package.json names.
interop: $(VENV)/.interop-installed
	PYTHON=$(BIN)/python tests/interop/run

# Not a test: prints tables, and writes what it measured to benchmarks/results/.
bench-signout: $(VENV)/.installed
	$(BIN)/python -m benchmarks.sign_out

clean:
	rm -rf $(VENV) _trial_temp* build dist *.egg-info .mypy_cache .ruff_cache .hypothesis twisted/plugins/dropin.cache
	rm -rf tests/interop/node_modules tests/interop/.glewlwyd
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# Installed anew only when what is needed has changed, so that everything here works without a network afterwards.
$(VENV)/.installed: setup.cfg pyproject.toml | $(BIN)/python
	$(PIP) install --editable .
	@touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	$(PIP) install --editable '.[test]'
	@touch $@

$(VENV)/.interop-installed: $(VENV)/.test-installed
	$(PIP) install --editable '.[test,interop]'
	@touch $@
