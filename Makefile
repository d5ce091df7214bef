# make demo   sets up and runs the whole pipeline on real input
# make test   sets up and passes the tests
# make help   lists the rest

VENV ?= .venv
DEMO ?= demo
DATA ?= ../shared/data
RESULTS ?= results
PYTHON := $(VENV)/bin/python
PIP := $(if $(shell command -v uv 2>/dev/null),uv pip install --quiet --python $(PYTHON),$(PYTHON) -m pip install --quiet --disable-pip-version-check)
SOURCES := setup.py mach_tf preprocess train eval explain benchmarks tests docs examples

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all examples lint format docs results clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

$(PYTHON):
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --seed --python 3.11 $(VENV); \
	else \
	  for candidate in python3.11 python3.10 python3.9 python3 python; do \
	    if $$candidate -c 'import sys, venv; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 11))' 2>/dev/null; then \
	      found=$$candidate; break; \
	    fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "mach_tf needs Python 3.9, 3.10 or 3.11 (TensorFlow 2.15 runs on no later one), and none was found." >&2; \
	    echo "Do one of: install uv (https://docs.astral.sh/uv), which brings Python 3.11 by itself;" >&2; \
	    echo "           apt-get install python3.11 python3.11-venv; pyenv install 3.11; conda create -n mach python=3.11." >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$($$found --version)"; \
	  $$found -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "$$found could not make a virtual environment; on Debian and Ubuntu: apt-get install $$found-venv" >&2; exit 1; }; \
	fi

$(VENV)/installed: setup.py | $(PYTHON)
	@echo "Installing mach-tf (TensorFlow is about 500 MB: a minute or two)"
	$(PIP) -e .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(PIP) -e '.[test]'
	@touch $@

$(VENV)/installed-examples: $(VENV)/installed
	$(PIP) -e '.[examples]'
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(PIP) -e '.[docs]'
	@touch $@

install: $(VENV)/installed ## the virtual environment alone

$(DEMO)/text/label_names.txt: | $(VENV)/installed
	$(PYTHON) -m preprocess.demo_data --output_dir=$(DEMO)/text

$(DEMO)/dataset/dataset.json: $(DEMO)/text/label_names.txt
	$(PYTHON) -m preprocess.to_tfrecord --output_dir=$(DEMO)/dataset --overwrite \
	  --train=$(DEMO)/text/train.txt --valid=$(DEMO)/text/valid.txt --test=$(DEMO)/text/test.txt \
	  --feature_names=$(DEMO)/text/feature_names.txt --label_names=$(DEMO)/text/label_names.txt

demo: $(DEMO)/dataset/dataset.json ## build the demo data, preprocess, train, evaluate clean and attacked, explain
	$(PYTHON) -m train.main --flagfile=configs/demo.flags --dataset_dir=$(DEMO)/dataset --model_dir=$(DEMO)/model
	$(PYTHON) -m eval.main --dataset_dir=$(DEMO)/dataset --model_dir=$(DEMO)/model --output_dir=$(DEMO)/evaluation \
	  --attack=fgsm --epsilon=0,0.005,0.01,0.02
	$(PYTHON) -m explain.main --dataset_dir=$(DEMO)/dataset --model_dir=$(DEMO)/model --output_dir=$(DEMO)/explanations \
	  --input=$(DEMO)/text/test.txt --points=label:numpy.testing:3 --labels=top:3
	@echo
	@echo "Explanations:      $(DEMO)/explanations/report.html"
	@echo "Robustness curve:  $(DEMO)/evaluation/robustness.png"
	@echo "Training curves:   $(VENV)/bin/tensorboard --logdir $(DEMO)"

results: $(VENV)/installed ## the results table of the data sets in DATA, clean and attacked: hours
	$(PYTHON) -m benchmarks.results --data_dir=$(DATA) --output_dir=$(RESULTS)

test: $(VENV)/installed-test ## the tests, but for the slow ones
	$(PYTHON) -m pytest -q -n 2 --dist loadfile -m "not slow"

test-all: $(VENV)/installed-test ## all tests: fuzzing by the thousand, killed processes
	$(PYTHON) -m pytest -q -n 2 --dist loadfile

examples: $(VENV)/installed-examples ## execute the notebooks of examples/ in a temporary folder
	$(PYTHON) examples/execute.py

lint: $(VENV)/installed-test ## style and types
	$(VENV)/bin/ruff check $(SOURCES)
	$(VENV)/bin/ruff format --check $(SOURCES)
	$(VENV)/bin/mypy

format: $(VENV)/installed-test ## rewrite the sources in the project's style
	$(VENV)/bin/ruff check --fix $(SOURCES)
	$(VENV)/bin/ruff format $(SOURCES)

docs: $(VENV)/installed-docs ## the documents, into site/; a broken link or a missing docstring fails
	$(PYTHON) -m mkdocs build --strict

clean: ## remove the demo, the documents and the virtual environment
	rm -rf $(DEMO) site $(VENV)
