# make demo   the main job on a lab of real hosts: sets up what is missing, deploys, shows status and logs
# make test   every test but the exhaustive ones, the lab included; what CI runs
# make soak   random operations on a lab host, disturbed; OPERATIONS=300, SEED=1, HOSTS=2 (docs/soak.md)
# make bench  how long it takes beside its peers; what it can be told is in docs/benchmarks.md
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: demo test test-all soak bench unit lint setup kerberos packages lock expected clean

demo: setup
	lab/demo.sh

test: setup packages
	$(MAKE) --no-print-directory kerberos
	tests/run lint unit agent terminal lab coverage

test-all: setup packages
	$(MAKE) --no-print-directory kerberos
	POMS_TEST_ALL=1 tests/run lint unit agent terminal lab coverage bases

OPERATIONS ?= 300
SEED ?= 1
HOSTS ?= 2

soak: setup
	python -m tests.soak --seed $(SEED) --operations $(OPERATIONS) --hosts $(HOSTS)

bench: setup $(patsubst %,benchmarks/.venvs/%/installed,pyinfra ansible mitogen)
	python -m benchmarks

unit: setup
	tests/run unit

lint: setup
	tests/run lint

setup: .venv/installed

.venv/installed: requirements.lock tasks/_fab_program.py
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer with venv is needed (Debian: apt-get install python3-venv); PYTHON=… names another."; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	cp tasks/_fab_program.py "$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/poms_ops_fab.py"
	sed -i 's/^from fabric.main import program$$/from poms_ops_fab import program/' .venv/bin/fab
	grep -q poms_ops_fab .venv/bin/fab
	touch $@

# What a login by Kerberos needs besides (docs/guide/kerberos.md). It is compiled here: glue, for which -O0 will do.
kerberos: .venv/kerberos

.venv/kerberos: requirements-kerberos.lock .venv/installed
	@command -v krb5-config >/dev/null && command -v gcc >/dev/null || { echo "The headers of MIT Kerberos and a C \
	compiler are needed (Debian: apt-get install gcc libkrb5-dev; Red Hat: dnf install gcc krb5-devel)."; exit 1; }
	CFLAGS="-O0 -g0" .venv/bin/pip install -qq --disable-pip-version-check --require-hashes -r requirements-kerberos.lock
	touch $@

# The tools that only the tests need; the lab sees to its own.
packages: .venv/scanner/installed .venv/load/installed
	tests/packages.sh

# A TLS scanner, apart: it wants older releases of what the project uses.
.venv/scanner/installed: tests/scanner.lock .venv/installed
	$(PYTHON) -m venv .venv/scanner
	.venv/scanner/bin/pip install -qq --disable-pip-version-check --require-hashes -r tests/scanner.lock
	touch $@

# A client that makes a load, apart for the same reason.
.venv/load/installed: tests/load.lock .venv/installed
	$(PYTHON) -m venv .venv/load
	.venv/load/bin/pip install -qq --disable-pip-version-check --require-hashes -r tests/load.lock
	touch $@

# The peers of `make bench`, each apart.
benchmarks/.venvs/%/installed: benchmarks/peers/%.lock .venv/installed
	$(PYTHON) -m venv benchmarks/.venvs/$*
	benchmarks/.venvs/$*/bin/pip install -qq --disable-pip-version-check --require-hashes -r $<
	touch $@

# Renew the lock after a change of pyproject.toml (docs/decisions/dependencies.md).
lock:
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --group dev pyproject.toml -o requirements.lock
	python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["kerberos"])' | \
	  uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --constraint requirements.lock - -o requirements-kerberos.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --group scanner -o tests/scanner.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --group load -o tests/load.lock
	for peer in pyinfra ansible mitogen; do \
	  uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	    --python-version 3.11 benchmarks/peers/$$peer.in -o benchmarks/peers/$$peer.lock || exit 1; done

# Renew the reviewed renderings; read the diff before you commit it.
expected: setup
	rm -rf tests/unit/expected
	POMS_INVENTORY=hosts.toml fab render --out tests/unit/expected

clean:
	[ ! -x .venv/bin/fab ] || .venv/bin/fab lab.down
	rm -rf .venv benchmarks/.venvs benchmarks/work lab/state lab/cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
