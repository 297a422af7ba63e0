# Two prerequisites: Python 3.11 and make. Everything else is installed into .venv by the first target that needs it.
PYTHON ?= python3.11
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(VENV)/bin/pip --disable-pip-version-check
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
GPU := $(VENV)/.gpu-installed
# Whether everything that these files pin is there in that very version: then pip has nothing to tell.
is_installed = $(PY) -c "import importlib.metadata as m, re, sys; pins = [re.match(r'([\w.-]+)(?:\[[^\]]*\])?==([^\s;]+)', line) for file in sys.argv[1:] for line in open(file)]; sys.exit(any(pin and m.version(pin[1]) != pin[2] for pin in pins))" $(1) 2>/dev/null

CONSOLE := -m backend.web.build_console

.PHONY: help console console-schemas console-test demo up test test-gpu model-fixtures lint types bench bench-barge-in bench-gpu diagrams proto clean
.DEFAULT_GOAL := help

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

demo: $(RUNTIME) ## one real-time call against the real stack: timeline, recording, verdict
	@$(PY) $(CONSOLE) --or-warn
	@$(PY) -m backend demo

up: $(RUNTIME)   ## the same stack, staying up until Ctrl-C
	@$(PY) $(CONSOLE) --or-warn
	@$(PY) -m backend up

test: $(DEV)     ## the whole suite, fast tests first
	@$(PY) $(CONSOLE)
	@$(PY) -m pytest

console: $(VENV)/bin/python ## the web console, built into frontend/dist (with Node from a wheel where there is none)
	@$(PY) $(CONSOLE)

console-schemas: $(RUNTIME) ## what the console's types are generated from, and the types
	@$(PY) -m backend.web.export_schemas
	@$(PY) $(CONSOLE) npm run schemas

console-test: $(VENV)/bin/python ## style, types and tests of the console
	@$(PY) $(CONSOLE) npm run lint
	@$(PY) $(CONSOLE) npm test

test-gpu: $(GPU) ## the tests of the neural voices and recognisers, on a GPU or without (installs several GB)
	@$(PY) -m pytest tests/workers/tts/pocket tests/workers/tts/test_kokoro.py tests/workers/tts/test_piper.py tests/workers/stt/nemotron tests/fakes/test_model_fixtures.py

model-fixtures: $(GPU) ## small models with random weights for every neural voice and recogniser, and how to use them
	@$(PY) -m tests.fakes.model_fixtures

lint: $(DEV)     ## style
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

types: $(DEV)    ## static types
	@$(VENV)/bin/mypy

bench: $(DEV)    ## every figure of the README, measured on this machine
	@$(PY) -m tests.bench

bench-barge-in: $(DEV) ## may callers interrupt: six figures, a soak, a verdict (about 15 minutes)
	@$(PY) -m tests.bench.barge_in

bench-gpu: $(GPU) ## how many calls one device speaks to with pocket-tts, and hears with Nemotron
	@$(PY) -m tests.bench.bench_gpu
	@$(PY) -m tests.bench.bench_pocket_cancel
	@$(PY) -m tests.bench.bench_stt_gpu

diagrams: $(DEV) ## the state pictures of docs/, drawn from the tables in the code
	@$(PY) -m tests.diagrams

proto: $(DEV)    ## regenerate the voice protocol
	@$(PY) -m backend.workers.tts.proto.generate

clean:           ## forget everything that was installed or run here
	rm -rf $(VENV) .venv-bench .run .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed; say where it is with: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "==> creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.txt requirements-nodeps.txt | $(VENV)/bin/python
	@if $(call is_installed,requirements.txt requirements-nodeps.txt); then \
	    echo "==> what the stack needs is installed already: checking it"; \
	    $(PIP) install -q -r requirements.txt && $(PIP) install -q --no-deps -r requirements-nodeps.txt; \
	else \
	    echo "==> installing what the stack needs (about 250 MB, a minute or two, once)"; \
	    $(PIP) install --progress-bar on -r requirements.txt && $(PIP) install --no-deps -r requirements-nodeps.txt; \
	fi
	@touch $@

$(DEV): requirements-dev.txt $(RUNTIME)
	@if $(call is_installed,requirements-dev.txt); then \
	    echo "==> what the tests need is installed already: checking it"; \
	    $(PIP) install -q -r requirements-dev.txt; \
	else \
	    echo "==> installing what the tests need"; \
	    $(PIP) install --progress-bar on -r requirements-dev.txt; \
	fi
	@touch $@

$(GPU): requirements-gpu.txt requirements-stt.txt $(DEV)
	@echo "==> installing what the neural voices and recognisers need"
	@$(PIP) install --progress-bar on -r requirements-gpu.txt -r requirements-stt.txt
	@touch $@
