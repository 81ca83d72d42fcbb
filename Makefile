# make demo   the main job on a lab of real hosts: sets up what is missing, deploys, shows status and logs
# make test   every test but the exhaustive ones, the lab included; what CI runs
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: demo test test-all unit lint setup packages lock expected clean

demo: setup
	lab/demo.sh

test: setup packages
	tests/run lint unit scripts lab

test-all: setup packages
	POMS_TEST_ALL=1 tests/run lint unit scripts lab

unit: setup
	tests/run unit

lint: setup
	tests/run lint

setup: .venv/installed

.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer with venv is needed (Debian: apt-get install python3-venv); PYTHON=… names another."; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

# The tools that only the tests need; the lab sees to its own.
packages: .venv/scanner/installed
	tests/packages.sh

# A TLS scanner, apart: it wants older releases of what the project uses.
.venv/scanner/installed: tests/scanner.lock .venv/installed
	$(PYTHON) -m venv .venv/scanner
	.venv/scanner/bin/pip install -qq --disable-pip-version-check --require-hashes -r tests/scanner.lock
	touch $@

# Renew the lock after a change of pyproject.toml (docs/decisions/dependencies.md).
lock:
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --group dev pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --group scanner -o tests/scanner.lock

# Renew the reviewed renderings; read the diff before you commit it.
expected: setup
	rm -rf tests/unit/expected
	POMS_INVENTORY=hosts.toml fab render --out tests/unit/expected

clean:
	[ ! -x .venv/bin/fab ] || .venv/bin/fab lab.down
	rm -rf .venv lab/state lab/cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
