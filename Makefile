# Needs Python 3.10 or newer, pip and make. Everything lives in .venv; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH ?= torch==2.13.0

.PHONY: samples test check install dev clean

samples: install  ## colour the sample photographs into samples-color/
	$(BIN)/retint colorize samples/*.jpg -o samples-color

test: dev  ## run all tests
	$(BIN)/python -m pytest -n auto

check: dev  ## lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --project pyproject.toml
	$(BIN)/lint-imports

install: $(VENV)/installed
dev: $(VENV)/installed-dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

# torch first and by itself: the CPU build is the small one where an index offers it
$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[torch,server,dev]"
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) samples-color
