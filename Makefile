# Every target sets up what it needs; `make help` lists them.
PYTHON ?= python3
JOBS ?= auto
TESTS ?= tests
PYTHONS ?= 3.10 3.13

BIN := .venv/bin
UV := $(BIN)/uv
SETUP := .venv/.stamp
# Finds the interpreters of pyenv too; $$version is the one wanted.
FIND_PYTHON = PATH="$$PATH:$$(echo ~/.pyenv/versions/$$version*/bin | tr ' ' ':')"
FAL_SERVER := .venv-fal/.stamp
JS := tests/clients/js
JS_CLIENT := $(JS)/node_modules/.stamp

# pyright would ask npm for a newer release of itself at every run.
export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage check format surface generate batch bench chaos fidelity \
	emulator-full compat lowest docs pictures clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: $(SETUP) ## make .venv with everything a developer needs (quick when nothing changed)

$(SETUP): pyproject.toml uv.lock
	@echo "setup: installing fal-typed and its tools into .venv"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(UV) sync --quiet --frozen --extra dev
	@touch $@

# The server framework behind fal's apps wants another pathspec than mypy does, so it lives apart.
$(FAL_SERVER): $(SETUP) tests/fal-server.txt
	@echo "setup: installing the fal server framework into .venv-fal (tests only)"
	@test -x .venv-fal/bin/python || $(BIN)/python -m venv --without-pip .venv-fal
	@$(UV) pip install --quiet --python .venv-fal/bin/python -r tests/fal-server.txt
	@touch $@

# Without npm the tests of the JavaScript client skip themselves.
$(JS_CLIENT): $(JS)/package.json $(JS)/package-lock.json
	@echo "setup: installing fal's JavaScript client into $(JS) (tests only)"
	@if command -v npm >/dev/null; then cd $(JS) && npm ci --silent --no-audit --no-fund; fi
	@mkdir -p $(@D) && touch $@

demo: $(SETUP) ## call a model on the emulator, then type-check the program that did it
	@$(BIN)/python examples/demo.py

PYTEST_OPTIONS := -n $(JOBS) --dist loadgroup $(TESTS)
test: $(SETUP) $(FAL_SERVER) $(JS_CLIENT) ## run the tests (TESTS=path to run some, JOBS=n for n processes)
ifndef COVERAGE
	$(BIN)/pytest $(PYTEST_OPTIONS)
else
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTEST_OPTIONS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
endif

coverage: ## run the tests and fail below the coverage floor, as CI does
	@$(MAKE) --no-print-directory test COVERAGE=1

check: $(SETUP) ## formatting, lint, types, the lock file, workflows, stale generated code
	$(UV) lock --check --quiet
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/surface.py --check
	$(BIN)/fal-typed check
	$(BIN)/mypy --num-workers auto
	$(BIN)/mypy examples benchmarks tests
	$(BIN)/pyright --threads
	$(BIN)/actionlint .github/workflows/*.yml examples/workflows/*.yml

format: $(SETUP) ## put the sources in form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

surface: $(SETUP) ## write the async twins, module-level functions and exports again
	$(BIN)/python scripts/surface.py

generate: $(SETUP) ## write the endpoint modules again from schemas/
	$(BIN)/fal-typed generate

docs: $(SETUP) ## build the documentation site into out/site, failing on any warning
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir out/site

pictures: $(SETUP) ## draw the pictures of completion and diagnostics again
	$(BIN)/python -m scripts.pictures

bench: $(SETUP) ## measure against fal_client and against the budgets
	$(BIN)/python -m benchmarks

chaos: $(SETUP) ## the long fault run
	FAL_TYPED_CHAOS=long $(BIN)/pytest -n 0 tests/chaos

# Ray is too large for .venv, so it has an environment of its own.
batch: $(SETUP) ## the long runs of batches: 20,000 items with kills, a million inputs, pandas, Ray
	UV_PROJECT_ENVIRONMENT=.venv-batch $(UV) sync --quiet --frozen --extra dev --extra ray
	FAL_TYPED_BATCH=long .venv-batch/bin/pytest -n 0 -s tests/batch

fidelity: $(SETUP) ## compare all generated models with what jsonschema says (DOCUMENTS=folder)
	$(BIN)/python -m tests.codegen.fidelity $(DOCUMENTS)

emulator-full: $(SETUP) ## call every endpoint of the catalogue on the emulator, open every file
	FAL_TYPED_EMULATOR=full $(BIN)/pytest -n $(JOBS) tests/emulator/test_catalog.py

# The tests of tests/portable.txt need nothing but Python packages.
# asyncio of 3.10 warns of TLS connections that aiohttp has closed, when they are collected.
compat: $(SETUP) lowest ## run the core tests on the oldest and the newest Python (PYTHONS="3.10 3.13")
	@for version in $(PYTHONS); do \
		UV_PROJECT_ENVIRONMENT=.venv-$$version $(FIND_PYTHON) \
			$(UV) sync --quiet --frozen --extra dev --python $$version && \
		echo "compat: Python $$version" && \
		.venv-$$version/bin/pytest -n $(JOBS) -W ignore::pytest.PytestUnraisableExceptionWarning \
			@tests/portable.txt || exit 1; \
	done

lowest: $(SETUP) ## run the smoke tests on the lowest dependencies that pyproject.toml allows
	@version=$(firstword $(PYTHONS)); \
	$(FIND_PYTHON) $(UV) venv --quiet --clear --python $$version .venv-lowest
	@$(UV) pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct \
		-e '.[aiohttp,codegen,emulator,parquet,postgres]' 'pytest>=9.0.3'
	.venv-lowest/bin/python -m pytest tests/test_smoke.py tests/batch/test_journal.py

clean: ## remove what the other targets made
	rm -rf .venv .venv-* $(JS)/node_modules .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage* out dist
