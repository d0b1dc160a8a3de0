# Two commands on a fresh machine: `make demo` and `make test`. Everything lives in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test soak peers lint docs words bench clean

demo: $(VENV)/.installed
	$(BIN)/newsletter demo --into newsletter-demo $(if $(OPEN),--open)

test: $(VENV)/.dev
	$(BIN)/pytest -n auto

soak: $(VENV)/.dev
	$(BIN)/pytest -m soak

# Programs of others that judge what we make; chromium and spamassassin come from the system's packages.
peers: $(VENV)/.peers tests/peers/node_modules/.package-lock.json
	$(BIN)/pytest -m peers

tests/peers/node_modules/.package-lock.json: tests/peers/package-lock.json
	cd tests/peers && npm ci --no-audit --no-fund --loglevel=error
	touch $@

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The catalogues of newsletter/locale: gather what is said, merge it into each language, compile.
words: $(VENV)/.dev
	mkdir -p build
	$(BIN)/pybabel -q extract -F pyproject.toml -k say -k count:1,2 -k N_ --no-location --sort-output --omit-header \
	    -o build/newsletter.pot .
	for po in newsletter/locale/*/LC_MESSAGES/newsletter.po; do \
	    $(BIN)/pybabel -q update -D newsletter -N --ignore-obsolete --ignore-pot-creation-date -i build/newsletter.pot -o $$po \
	        -l $$(basename $$(dirname $$(dirname $$po))) || exit 1; done
	$(BIN)/pybabel -q compile -D newsletter -d newsletter/locale

# docs/commands.md, from the commands themselves.
docs: $(VENV)/.dev
	$(BIN)/python -m tests.reference

bench: $(VENV)/.dev
	for script in bench/[a-z]*.py; do $(BIN)/python $$script || exit 1; done

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

$(VENV)/.peers: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --group peers
	touch $@

clean:
	rm -rf $(VENV) newsletter-demo
