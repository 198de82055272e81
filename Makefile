PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-slow check docs release search-tables
demo: $(INSTALLED)
	$(BIN)/glideslope tune examples/digits.py:job --steps 1500 --against-constant

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 -m slow

# The site, in English and Korean, in build/site; a warning is an error.
docs: $(INSTALLED)
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/site -d build/doctrees
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/site/ko -d build/doctrees-ko -D language=ko

# The distributions in dist, checked, and the wheel in an environment of its own with nothing but the core.
release: $(INSTALLED)
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	sh .ci/wheel dist/*.whl

# Some hours; goes on where it was interrupted.
search-tables: $(INSTALLED)
	$(BIN)/python benchmarks/search/tables.py --workers 2

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt torch
	$(BIN)/pip install -q -c constraints.txt -e '.[torch,jax,keras,lightning,transformers,automatic,plot,search,studio,tensorboard,ray,dask,slurm,optuna,remote,docs,dev]'
	touch $@
