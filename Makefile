# The two commands: `make figures` and `make test`. Each makes its own environment when needed.
.POSIX:
.SUFFIXES:
.PHONY: help figures test proofs docs bench baselines accuracy refutations lint format setup clean distclean

VENV = .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.complete
DEV = $(VENV)/.development
PYTHON =
WORKERS = 2
MINIMUM = 3, 11
PIP = $(BIN)/python -m pip install -qq --disable-pip-version-check

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile
	@echo "  PYTHON=/path/to/python picks the interpreter of a new environment; WORKERS=n the test processes."

figures: $(STAMP) ## check the claims, draw every figure, and show all in build/figures/index.html
	@$(BIN)/python -m paper_figures --out build/figures

test: lint ## format, lint, types, and the whole suite with doctests and notebooks
	@$(BIN)/python -m pytest -n $(WORKERS)

proofs: $(STAMP) ## check the Rocq proofs (needs Rocq and its libraries; says which) into build/proofs
	@$(BIN)/python -m theory.evidence.rocq_build

docs: $(DEV) ## the documentation site into build/site, warnings as errors
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -W error -m mkdocs build --strict
	@echo "The site is build/site/index.html."

bench: $(DEV) ## the benchmarks, timed
	@$(BIN)/python -m pytest tests/benchmarks --benchmark-enable

baselines: $(DEV) ## after an intended change of a figure: draw the images that tests compare with
	@$(BIN)/python -m pytest -q tests/paper_figures/test_images.py -k test_looks_as_before \
		--mpl-generate-path=tests/paper_figures/baseline
	@git status --short tests/paper_figures/baseline

accuracy: $(DEV) ## the quadrature's error against exact arithmetic, as a table (a minute)
	@$(BIN)/python tests/benchmarks/accuracy_table.py

refutations: $(DEV) ## seconds to refute every false twin, as a table (a minute)
	@$(BIN)/python tests/benchmarks/refutation_table.py

lint: $(DEV) ## formatting, lint and type checks, changing nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy theory

format: $(DEV) ## format, and mend what lint can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

setup: $(DEV) ## the environment alone

# The stamp goes first and comes back last: an interrupted installation is never taken for a whole
# one. An environment whose interpreter still works is brought up to date in place. The build backend
# is installed from the constraints too, so that every version is pinned.
USABLE = import sys, venv, ensurepip; sys.exit(sys.version_info < ($(MINIMUM)))
$(STAMP): pyproject.toml constraints.txt
	@rm -f $(STAMP) $(DEV); \
	if ! $(BIN)/python -c "$(USABLE)" >/dev/null 2>&1; then \
		candidates="$(PYTHON)"; \
		[ -n "$$candidates" ] || candidates="python3 python3.14 python3.13 python3.12 python3.11"; \
		python=; \
		for candidate in $$candidates; do \
			if "$$candidate" -c "$(USABLE)" >/dev/null 2>&1; then python=$$candidate; break; fi; \
		done; \
		if [ -z "$$python" ]; then \
			echo "No Python >= 3.11 with the venv module among: $$candidates; install one," \
				"or name it with make PYTHON=/path/to/python." >&2; exit 1; fi; \
		"$$python" -m venv --clear $(VENV) || exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$($(BIN)/python --version) (a minute or two, once) ..."; \
	$(PIP) -c constraints.txt setuptools && \
	$(PIP) -c constraints.txt --no-build-isolation -e ".[fast,images]" && \
	touch $(STAMP)

# What the figures do without comes when it is needed: half of the packages.
$(DEV): $(STAMP)
	@echo "Adding what tests and documentation need ..."; \
	$(PIP) -c constraints.txt --no-build-isolation -e ".[dev]" && touch $(DEV)

clean: ## remove results and caches, keep the environment
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks *.egg-info
	find theory sim gpu_experiments paper_figures docs_build tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## remove the environment as well
	rm -rf $(VENV)
