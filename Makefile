# make run    the program, on the bundled stories and models; with what reports need
# make test   style, types, import rules, the test suite; fails where any of it does
# Both make what they need on the first call and install nothing on the second. Inside an
# activated environment they use it; else they make .venv here.

PYTHON ?= python3
ENV := $(or $(VIRTUAL_ENV),$(CONDA_PREFIX),$(CURDIR)/.venv)
BIN := $(ENV)/bin
SOURCES := pyproject.toml constraints.txt Makefile
TYPING := $(ENV)/eyebrow-typing

.PHONY: run test test-slow test-ray test-monkey test-lm-eval bench bench-gpu check clean

run: $(ENV)/.eyebrow-run
	@$(BIN)/eyebrow
	@echo "eyebrow without make: $(BIN)/eyebrow"

# Three at a time on two cores: many of them wait for a process or a screen.
test: check
	@echo "the tests take several minutes on two cores"
	@$(BIN)/pytest -n 3 --dist worksteal

test-slow: $(ENV)/.eyebrow-test
	$(BIN)/pytest -m slow --ignore=tests/terminal/test_monkey.py

# Workers, nodes and drivers on Ray, some of them killed: about ten minutes. Ray is 80 MB.
test-ray: $(ENV)/.eyebrow-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(ENV)/.eyebrow-constraints -e '.[test,ray]'
	$(BIN)/pytest -m slow tests/cluster

# 60,000 random keys, clicks and resizes in a real terminal: about twenty minutes.
test-monkey: $(ENV)/.eyebrow-test
	$(BIN)/pytest -m slow -s tests/terminal/test_monkey.py

# `corpus --recipe rolling` beside lm-eval itself, which brings a hundred packages along.
test-lm-eval: $(ENV)/.eyebrow-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(ENV)/.eyebrow-constraints -e '.[test,lm-eval]'
	$(BIN)/pytest tests/scoring/test_corpus.py -k lm_eval -rs

# Speed, memory and exactness beside what else people score with: about half an hour, on a quiet machine.
bench: $(ENV)/.eyebrow-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(ENV)/.eyebrow-constraints -e '.[test,bench]'
	cd tests && $(BIN)/python -m bench

# On a machine with a GPU that has torch, transformers, numpy and pyarrow, and nothing else.
bench-gpu:
	@mkdir -p build/bare/eyebrow && ln -sfn $(CURDIR)/core build/bare/eyebrow/core
	cd tests && PYTHONPATH=$(CURDIR)/build/bare $(PYTHON) -m bench --device cuda --dtypes bfloat16 --texts 2000 \
		--shapes smollm2-135m,smollm2-360m,smollm2-1.7b

check: $(ENV)/.eyebrow-test
	$(BIN)/ruff check core tui tests
	$(BIN)/ruff format --check core tui tests
	@mkdir -p $(TYPING)/eyebrow && ln -sfn $(CURDIR)/core $(TYPING)/eyebrow/core && ln -sfn $(CURDIR)/tui $(TYPING)/eyebrow/tui
	$(BIN)/lint-imports --no-cache
	MYPYPATH=$(TYPING) $(BIN)/mypy -p eyebrow.core -p eyebrow.tui

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "eyebrow needs Python 3.11 or newer; name one with: make run PYTHON=python3.12" >&2; exit 1; }
	@# A machine that has a fitting torch keeps it.
	@if $(PYTHON) -c '$(FITTING)' 2>/dev/null; then \
		$(PYTHON) -m venv --system-site-packages $(ENV); \
	else \
		$(PYTHON) -m venv $(ENV); \
	fi

FITTING := import torch; v = torch.__version__.split("+")[0].split("."); assert (int(v[0]), int(v[1])) >= (2, 9)

# The tested versions, less torch where a fitting one is there already.
define install
	@echo "installing eyebrow into $(ENV), once: about a minute and 1.8 GB (more where torch comes for a GPU)"
	@if $(BIN)/python -c '$(FITTING)' 2>/dev/null; then \
		grep -v '^torch==' constraints.txt > $(ENV)/.eyebrow-constraints; \
	else \
		cp constraints.txt $(ENV)/.eyebrow-constraints; \
	fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(ENV)/.eyebrow-constraints -e '$(1)'
endef

$(ENV)/.eyebrow-run: $(SOURCES) | $(BIN)/python
	$(call install,.[report])
	@touch $@

$(ENV)/.eyebrow-test: $(SOURCES) | $(BIN)/python
	$(call install,.[test])
	@touch $@ $(ENV)/.eyebrow-run

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
