# Two commands matter: `make run` and `make test`. Both need python3 (3.11 or later), pip and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Two workers for each core, up to eight: half of them wait for something. Who has finished takes over from who has not.
WORKERS := $(shell $(PYTHON) -c 'import os; print(min(8, 2 * (os.cpu_count() or 1)))')
PARALLEL := -n $(WORKERS) --dist worksteal
# Group by group, in the order of tests/conftest.py. Of three who run other people's programs one waits.
IN_ORDER := --dist loadgroup --no-loadscope-reorder
WORKERS_BY_FILE := $(shell $(PYTHON) -c 'import os; print(max(2, min(8, 3 * (os.cpu_count() or 1) // 2)))')

# pytest for what runs other people's programs: what fails beside others is told, and tried once more alone.
SECOND_LOOK := scripts/second_look.sh $(BIN)/python

# The tests start hundreds of processes: none of them should compile what another one has compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: console test-console run installed test test-all test-newest newest-installed test-on test-long test-clients test-infrastructure bench soak docs dist test-dist test-image release-check lint types audit check format clean

run: $(VENV)/installed
	@$(BIN)/headwater start

test: $(VENV)/installed-test
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

# All that tests, documentation and packages need, into the one environment.
installed: $(VENV)/installed-test $(VENV)/installed-docs $(VENV)/installed-dist

# Every CPython from 3.11 that this machine has, one of each minor version.
test-all:
	@for python in $$($(PYTHON) scripts/find_interpreters.py); do $(MAKE) --no-print-directory test-on ON=$$python || exit 1; done

# Only the newest of them, beside the default one: between two versions that pass, a third seldom fails. What
# hypothesis has tried on one is not tried again.
test-newest:
	@$(MAKE) --no-print-directory test-on ON=$$($(PYTHON) scripts/find_interpreters.py | tail -1) \
		ARGS='-m "not long and not clients and not infrastructure and not dist and not image and not hypothesis"'

# Its environment alone, as test-newest would make it.
newest-installed:
	@newest=$$($(PYTHON) scripts/find_interpreters.py | tail -1); \
		version=$$($$newest -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		$(MAKE) --no-print-directory .venv-$$version/installed-test PYTHON=$$newest VENV=.venv-$$version

test-on:
	@version=$$($(ON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "== CPython $$version"; \
		$(MAKE) --no-print-directory test PYTHON=$(ON) VENV=.venv-$$version

# Properties too, with more examples than every day. What takes the whole machine goes one after another.
test-long: $(VENV)/installed-test
	@$(SECOND_LOOK) -n $(WORKERS) $(IN_ORDER) -m "long or hypothesis" --hypothesis-profile thorough

# Each client is installed by its own package manager, the browser by scripts/install_for_tests.sh; what is missing
# here is named and left out. Much of it waits: one worker's file runs beside another's.
test-clients: $(VENV)/installed-test
	@$(SECOND_LOOK) -n $(WORKERS_BY_FILE) $(IN_ORDER) -m clients tests/clients tests/browser tests/examples

# The CDK and Terraform, as far as they are here. HEADWATER_TEST_TERRAFORM_MIRROR names a folder with the provider.
test-infrastructure: $(VENV)/installed-test
	@$(SECOND_LOOK) -n auto $(IN_ORDER) -m infrastructure tests/infrastructure

# Against the peers, on Linux with wrk. ARGS="--help" tells what can be chosen.
bench: $(VENV)/installed-bench
	@$(BIN)/python -m benchmarks $(ARGS)

# Ten minutes at full rate, on a durable server that forgets as fast: neither memory nor file may grow.
soak: $(VENV)/installed-bench
	@$(BIN)/python -m benchmarks.soak $(ARGS)

# Wheel and source distribution, into dist/: twice, and the same to the byte.
dist: console $(VENV)/installed-dist
	@$(BIN)/python scripts/build_dist.py

# What was built, installed in fresh environments as users do, by pip, pipx and uv.
test-dist: dist
	@$(BIN)/python -m pytest -m dist tests/dist

# What the Dockerfile makes of dist/, by buildah, on a base of this Debian: scripts/install_for_tests.sh brings it.
test-image: dist
	@scripts/install_for_tests.sh buildah
	@$(BIN)/python -m pytest -m image tests/image

# All that a release has to be, and nothing that leaves this machine: docs/releasing.md goes on where this ends. The image
# is built and run by `.ci/run`, as everything is. A last look finds what the tests have changed.
release-check: $(VENV)/installed-dist
	@$(BIN)/python scripts/check_release.py before
	@CI=true .ci/run
	@$(BIN)/python -m twine check --strict dist/*
	@$(BIN)/python scripts/check_release.py behind

# The documentation site, into site/. A link that leads nowhere is an error.
docs: $(VENV)/installed-docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

# The console's pages, from console/ into the package; needs Node.js. An editable install shows them at once.
console: console/node_modules/.installed
	@cd console && npm run --silent build

test-console: console/node_modules/.installed
	@cd console && npm test --silent

console/node_modules/.installed: console/package-lock.json
	@cd console && npm ci --silent && touch node_modules/.installed

lint: $(VENV)/installed-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/installed-test
	@$(BIN)/mypy

# What is known against the packages that users get; skipped, in words, where that cannot be asked.
audit: $(VENV)/installed-test
	@$(BIN)/python scripts/audit_dependencies.py

check: lint types audit

format: $(VENV)/installed-test
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Some systems have pip, but no ensurepip: then the environment gets its pip from theirs.
$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Headwater needs Python 3.11 or later; say which with make PYTHON=…"; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
		rm -rf $(VENV) && $(PYTHON) -m venv --without-pip $(VENV) && \
		$(PYTHON) -m pip --quiet --python $(BIN)/python install pip; }
	@touch $@

$(VENV)/installed: $(VENV)/created pyproject.toml
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/created pyproject.toml
	@$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/installed

# A newer readme-renderer wants another docutils than the AWS CLI that is there for the tests.
$(VENV)/installed-dist: $(VENV)/installed-test
	@$(BIN)/python -m pip install --quiet build pipx 'readme-renderer[md]<44' twine uv
	@touch $@

$(VENV)/installed-docs: $(VENV)/created pyproject.toml
	@$(BIN)/python -m pip install --quiet --editable '.[client,docs]'
	@touch $@

$(VENV)/installed-bench: $(VENV)/created pyproject.toml
	@$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@ $(VENV)/installed
