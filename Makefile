# Everything runs in .venv, made on first use from the hash-locked files in requirements/.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check

# Where the environment forbids Python to keep bytecode, each process that the tests start would
# compile all our modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test test-citus test-systemd check docs screenshots bench soak kills probes fuzz sbom wheel deb lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "PYTHON=python3.12 chooses the interpreter of .venv, ARGS='-k window' goes to pytest."

demo: .venv/run ## serve the published example and a synthetic fleet (PORT=8080)
	$(BIN)/tallystick demo $(if $(PORT),--port $(PORT))

test: .venv/test ## run the tests
	$(BIN)/pytest -n auto $(ARGS)

# Where a cluster may answer otherwise than one machine.
ON_CITUS = tests/store tests/contract/test_golden_cli.py tests/contract/test_golden_http.py \
	tests/test_killed.py tests/test_citus_machines.py

test-citus: .venv/test ## the tests of the store on a cluster that is there (CITUS=postgresql://...)
	@test -n "$(CITUS)" || { echo "make test-citus CITUS=postgresql://user@coordinator/database" >&2; exit 1; }
	TALLYSTICK_TEST_CITUS='$(CITUS)' TALLYSTICK_TEST_EXAMPLES=$(or $(EXAMPLES),0.1) \
		$(BIN)/pytest -n 0 -k citus $(ON_CITUS) $(ARGS)

test-systemd: .venv/test ## the units under a systemd of their own (needs root, and cgroup v1)
	$(BIN)/pytest -m systemd -n 0 -rs tests/test_systemd.py $(ARGS)

check: .venv/test ## lint, formatting, types, and which room may import which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(wildcard src tests benchmarks docs)
	$(BIN)/lint-imports --no-logo

docs: .venv/run ## rewrite the parts of docs/reference that follow from the code
	$(BIN)/python docs/generate.py

screenshots: .venv/test ## make the pictures of the console anew (needs a Chromium)
	$(BIN)/python docs/screenshots.py

bench: .venv/bench ## measure against the peers
	$(BIN)/python -m benchmarks $(ARGS)

soak: .venv/test ## mixed load with kills and faults (ARGS='--minutes 10')
	$(BIN)/pytest -m soak -n 0 -s tests/test_soak.py $(ARGS)

kills: .venv/test ## 1,000 kills of servers and imports on each engine (about an hour)
	$(BIN)/pytest -m soak -n 0 tests/test_killed.py $(ARGS)

probes: .venv/test ## 100,000 calls in everybody's name, in any order (ARGS='--seed 7')
	$(BIN)/pytest -m soak -n 0 tests/tenants $(ARGS)

fuzz: .venv/test ## calls made up from the descriptions of the API (ARGS='--rounds 2000 --seed 7')
	$(BIN)/pytest -n 0 tests/hostile/test_fuzz.py $(ARGS)

sbom: .venv/run ## write build/sbom.cdx.json (CycloneDX), and print the licences
	@mkdir -p build
	$(BIN)/python -m docs.sbom > build/sbom.cdx.json
	@$(BIN)/python -m docs.sbom --licences

wheel: .venv/run ## build build/tallystick-*.whl, for pip and pipx
	$(BIN)/python -m hatchling build --target wheel --directory build

deb: .venv/run ## build build/tallystick_*.deb (needs dpkg-deb)
	deploy/debian/build build

# The newest versions that resolve. traces.txt holds all of run.txt, test.txt all of traces.txt,
# and bench.txt all of test.txt.
# The oldest Python has to do it: a newer one would leave out the backports the oldest needs.
COMPILE = CUSTOM_COMPILE_COMMAND='make lock' .venv-lock/bin/pip-compile --quiet --upgrade --generate-hashes \
	--allow-unsafe --strip-extras --no-emit-options --build-deps-for wheel pyproject.toml

lock: ## renew requirements/*.txt (Python 3.11)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "make lock needs Python 3.11, the oldest supported: PYTHON=python3.11 make lock" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python -m pip --quiet --quiet install --upgrade pip pip-tools
	$(COMPILE) --output-file requirements/run.txt
	$(COMPILE) --extra traces --constraint requirements/run.txt --output-file requirements/traces.txt
	$(COMPILE) --extra traces --extra dev --constraint requirements/traces.txt --output-file requirements/test.txt
	$(COMPILE) --extra traces --extra dev --extra bench --constraint requirements/test.txt \
		--output-file requirements/bench.txt
	@! grep -nE '://|^ *-|(^| )/' requirements/*.txt | grep -vE -- '--hash=|-c requirements/' || \
		{ echo "a lock names an address or a path of this machine" >&2; exit 1; }

clean: ## remove what make made
	rm -rf .venv .venv-lock .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find src tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Tallystick needs Python 3.11 or newer: PYTHON=python3.12 make ..." >&2; exit 1; }
	@echo "Making .venv ..."
	@$(PYTHON) -m venv --clear .venv
	@touch $@

# Each larger set holds the smaller ones.
.venv/run: STAMPS = .venv/run
.venv/test: STAMPS = .venv/run .venv/test
.venv/bench: STAMPS = .venv/run .venv/test .venv/bench
.venv/run .venv/test .venv/bench: .venv/%: requirements/%.txt pyproject.toml | .venv/made
	@echo "Installing $< ..."
	@$(PIP) install --require-hashes --requirement $<
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(STAMPS)
