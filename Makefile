# Two commands on a fresh machine with Python >= 3.11 and make:
#   make demo    installs what agentmem needs and shows it at work (no network after the install, no key)
#   make test    installs what the tests need as well, then lint and tests
# `make` alone is `make check`: lint and tests. Everything is installed into .venv, once for each state of pyproject.toml
# and constraints.txt; `make clean` throws it away.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
NEEDS := pyproject.toml constraints.txt

.PHONY: check test demo lint format tests results install install-dev clean

check: lint tests

test: lint tests

demo: $(VENV)/.ready
	$(BIN)/agentmem demo

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

tests: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -n auto $(PYTEST)

# Every figure in the README comes out of this. The benchmarks' data are not part of the project: name those that you
# have, and the others keep the figures of their last run.
RESULTS := evaluators/results
EVAL = $(BIN)/agentmem eval
results: $(VENV)/.ready-dev
	$(if $(LOCOMO),$(EVAL) locomo --data $(LOCOMO) --cross-validate --json $(RESULTS)/locomo.json)
	$(if $(LOCOMO),$(EVAL) order --data $(LOCOMO) --cross-validate --json $(RESULTS)/order.json)
	$(EVAL) update --json $(RESULTS)/update.json
	$(if $(LOCOMO),$(EVAL) unlearning --data $(LOCOMO) --json $(RESULTS)/unlearning.json)
	$(if $(PI_LLM),$(EVAL) interference --data $(PI_LLM) --json $(RESULTS)/interference.json)
	$(if $(FACTS),$(EVAL) consolidation --data $(FACTS) --json $(RESULTS)/consolidation.json)
	$(if $(MUSIQUE),$(EVAL) multihop --data $(MUSIQUE) --json $(RESULTS)/multihop.json)
	$(if $(GATEMEM),$(EVAL) gatemem --data $(GATEMEM) --json $(RESULTS)/gatemem.json)
	$(if $(MEMORA),$(EVAL) memora --data $(MEMORA) --json $(RESULTS)/memora.json)
	$(if $(BABI),$(EVAL) babi --data $(BABI) --json $(RESULTS)/babi.json)
	$(if $(LOCOMO),$(EVAL) retention --data $(LOCOMO) --policies all --budgets .05,.1,.25,.5 --json $(RESULTS)/retention.json)
	$(if $(LOCOMO),$(EVAL) ablate --data $(LOCOMO) --json $(RESULTS)/ablate.json)
	$(BIN)/agentmem bench ingest --memories 5000 --json $(RESULTS)/ingest.json
	$(BIN)/agentmem bench recall --memories 10000 --json $(RESULTS)/recall-10000.json
	$(BIN)/agentmem bench recall --memories 100000 --json $(RESULTS)/recall-100000.json
	$(BIN)/agentmem bench open --memories 10000 --json $(RESULTS)/open.json
	$(BIN)/agentmem bench pagerank --memories 50000 --json $(RESULTS)/pagerank.json
	$(BIN)/python -m agentmem_evaluators._results README.md $(RESULTS)

format: $(VENV)/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(VENV)/.ready

install-dev: $(VENV)/.ready-dev

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "agentmem needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.ready: $(VENV)/.made $(NEEDS)
	$(PIP) -e '.[cpu,offline]'
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready $(NEEDS)
	$(PIP) -e '.[cpu,offline,dev]'
	touch $@

clean:
	rm -rf $(VENV)
