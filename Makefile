# Every target sets up what it needs; `make help` lists them.
PYTHON ?= python3
JOBS ?= auto
TESTS ?= tests
PYTHONS ?= 3.10 3.13
COMPAT_TESTS := tests/core tests/transport tests/streaming tests/realtime tests/storage \
	tests/test_exports.py tests/test_imports.py tests/test_connections.py tests/test_webhooks.py \
	tests/codegen/test_catalogue.py tests/codegen/test_types.py tests/codegen/test_golden.py

BIN := .venv/bin
UV := $(BIN)/uv pip install --quiet
SETUP := .venv/.stamp
FAL_SERVER := .venv-fal/.stamp
JS := tests/clients/js
JS_CLIENT := $(JS)/node_modules/.stamp

# pyright would ask npm for a newer release of itself at every run.
export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format generate batch bench chaos fidelity compat clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: $(SETUP) ## make .venv with everything a developer needs (quick when nothing changed)

$(SETUP): pyproject.toml
	@echo "setup: installing fal-typed and its tools into .venv"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(UV) --python $(BIN)/python -e '.[dev]'
	@touch $@

# The server framework behind fal's apps wants another pathspec than mypy does, so it lives apart.
$(FAL_SERVER): $(SETUP) tests/fal-server.txt
	@echo "setup: installing the fal server framework into .venv-fal (tests only)"
	@test -x .venv-fal/bin/python || $(BIN)/python -m venv --without-pip .venv-fal
	@$(UV) --python .venv-fal/bin/python -r tests/fal-server.txt
	@touch $@

# Without npm the tests of the JavaScript client skip themselves.
$(JS_CLIENT): $(JS)/package.json $(JS)/package-lock.json
	@echo "setup: installing fal's JavaScript client into $(JS) (tests only)"
	@if command -v npm >/dev/null; then cd $(JS) && npm ci --silent --no-audit --no-fund; fi
	@mkdir -p $(@D) && touch $@

demo: $(SETUP) ## call a model on the emulator, then type-check the program that did it
	@$(BIN)/python examples/demo.py

test: $(SETUP) $(FAL_SERVER) $(JS_CLIENT) ## run the tests (TESTS=path to run some, JOBS=n for n processes)
	$(BIN)/pytest -n $(JOBS) --dist loadgroup $(TESTS)

check: $(SETUP) ## formatting, lint, mypy, pyright, and that no generated code is stale
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/fal-typed check
	$(BIN)/mypy --num-workers auto
	$(BIN)/mypy examples benchmarks
	$(BIN)/pyright --threads

format: $(SETUP) ## put the sources in form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: $(SETUP) ## write the endpoint modules again from schemas/
	$(BIN)/fal-typed generate

bench: $(SETUP) ## measure against fal_client and against the budgets
	$(BIN)/python -m benchmarks

chaos: $(SETUP) ## the long fault run
	FAL_TYPED_CHAOS=long $(BIN)/pytest -n 0 tests/chaos

batch: $(SETUP) ## the long runs of batches: 20,000 items with kills, a million inputs, Ray
	FAL_TYPED_BATCH=long $(BIN)/pytest -n 0 -s tests/batch

fidelity: $(SETUP) ## compare all generated models with what jsonschema says (DOCUMENTS=folder)
	$(BIN)/python -m tests.codegen.fidelity $(DOCUMENTS)

emulator-full: $(SETUP) ## call every endpoint of the catalogue on the emulator, open every file
	FAL_TYPED_EMULATOR=full $(BIN)/pytest -n $(JOBS) tests/emulator/test_catalogue.py

# asyncio of 3.10 warns of TLS connections that aiohttp has closed, when they are collected.
compat: $(SETUP) ## run the core tests on the oldest and the newest Python (PYTHONS="3.10 3.13")
	@for version in $(PYTHONS); do \
		PATH="$$PATH:$$(echo ~/.pyenv/versions/$$version*/bin | tr ' ' ':')" \
			$(BIN)/uv venv --quiet --allow-existing --python $$version .venv-$$version && \
		$(UV) --python .venv-$$version/bin/python -e '.[dev]' && \
		echo "compat: Python $$version" && \
		.venv-$$version/bin/pytest -n $(JOBS) -W ignore::pytest.PytestUnraisableExceptionWarning \
			$(COMPAT_TESTS) || exit 1; \
	done

clean: ## remove what the other targets made
	rm -rf .venv .venv-fal .venv-3.* $(JS)/node_modules .mypy_cache .ruff_cache .hypothesis out dist
