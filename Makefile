# make demo: the main job on the embedded data set. make test: every check, the documentation site among them.
# make docs: the site, in build/site. All of them set up .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The heads on learned features are tested with this torch; TORCH=torch takes the newest, with its CUDA packages.
TORCH ?= torch==2.13.0

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@

$(VENV)/.torch: $(VENV)/.installed
	$(BIN)/pip install --quiet "$(TORCH)"
	touch $@

.PHONY: demo docs test
demo: $(VENV)/.installed
	$(BIN)/python recipes/demo.py

docs: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

test: $(VENV)/.torch
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest
