# make demo   sets up and runs the whole pipeline on real input
# make test   sets up and passes the tests
# make help   lists the rest

VENV ?= .venv
# Of these versions of Python, the first that is found makes VENV.
PYTHON_VERSIONS ?= 3.13 3.12 3.11 3.10 3.9
# The versions that make test-stacks tests: one for each stack, and the oldest.
STACKS ?= 3.9 3.11 3.12 3.13
PYENV_ROOT ?= $(HOME)/.pyenv
DEMO ?= demo
# Of make serve.
PORT ?= 8501
DATA ?= ../shared/data
RESULTS ?= results
# Of make scale: a shape of benchmarks/scale_shapes.py, and the part of its points.
SHAPE ?= amazon-670k
FRACTION ?= 0.01
# Of make fuzz-service: how many requests for each operation.
FUZZ_EXAMPLES ?= 500
PYTHON := $(VENV)/bin/python
PIP := $(if $(shell command -v uv 2>/dev/null),uv pip install --quiet --python $(PYTHON),$(PYTHON) -m pip install --quiet --disable-pip-version-check)
SOURCES := setup.py mach_tf preprocess train eval explain serve benchmarks tests docs examples

.DEFAULT_GOAL := help
.PHONY: help install demo serve scale test test-all gpu-check fuzz-service test-stacks examples lint format docs results clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

# The first version of Python that is found, with venv and pip if any has both; without one, uv brings the first of the list.
$(PYTHON):
	@for modules in sys,venv,ensurepip sys; do \
	  for version in $(PYTHON_VERSIONS); do \
	    for candidate in python$$version python3 python; do \
	      if $$candidate -c "import $$modules; sys.exit('%d.%d' % sys.version_info[:2] != '$$version')" 2>/dev/null; then \
	        found=$$candidate; break 3; \
	      fi; \
	    done; \
	  done; \
	done; \
	if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --seed --python "$${found:-$(firstword $(PYTHON_VERSIONS))}" $(VENV); \
	elif [ -z "$$found" ]; then \
	  echo "mach_tf needs one of Python $(PYTHON_VERSIONS), and none was found on the PATH." >&2; \
	  echo "Do one of: install uv (https://docs.astral.sh/uv), which brings Python by itself;" >&2; \
	  echo "           apt-get install python3 python3-venv; pyenv install 3.13; conda create -n mach python=3.13." >&2; \
	  exit 1; \
	else \
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

$(VENV)/installed-serve: $(VENV)/installed
	$(PIP) -e '.[serve]'
	@touch $@

$(VENV)/installed-examples: $(VENV)/installed
	$(PIP) -e '.[examples]'
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(PIP) -e '.[docs]'
	@touch $@

install: $(VENV)/installed ## the virtual environment alone

$(DEMO)/text/train.jsonl: | $(VENV)/installed
	$(PYTHON) -m preprocess.demo_data --output_dir=$(DEMO)/text

$(DEMO)/dataset/dataset.json: $(DEMO)/text/train.jsonl
	$(PYTHON) -m preprocess.to_tfrecord --output_dir=$(DEMO)/dataset --overwrite \
	  --train=$(DEMO)/text/train.jsonl --valid=$(DEMO)/text/valid.jsonl --test=$(DEMO)/text/test.jsonl \
	  --text_fields=text --label_field=imports --min_label_count=2 --max_vocabulary=50000

demo: $(DEMO)/dataset/dataset.json $(VENV)/installed-serve ## make texts and labels, preprocess, train, evaluate clean and attacked, explain, predict, export, serve one request
	$(PYTHON) -m train.main --flagfile=configs/demo.flags --dataset_dir=$(DEMO)/dataset --model_dir=$(DEMO)/model
	$(PYTHON) -m eval.main --dataset_dir=$(DEMO)/dataset --model_dir=$(DEMO)/model --output_dir=$(DEMO)/evaluation \
	  --attack=fgsm --epsilon=0,0.005,0.01,0.02
	$(PYTHON) -m explain.main --dataset_dir=$(DEMO)/dataset --model_dir=$(DEMO)/model --output_dir=$(DEMO)/explanations \
	  --label_field=imports --points=label:numpy.testing:3 --labels=top:3
	$(PYTHON) -m eval.predict --model_dir=$(DEMO)/model --text='plt.plot(x, np.sin(x))'
	$(PYTHON) -m explain.main --model_dir=$(DEMO)/model --text='plt.plot(x, np.sin(x))' --labels=top:2
	rm -rf $(DEMO)/servables/demo/1
	$(PYTHON) -m train.export --model_dir=$(DEMO)/model --output_dir=$(DEMO)/servables/demo/1 \
	  --evaluation=$(DEMO)/evaluation/metrics.json --examples=$(DEMO)/text/test.jsonl
	$(PYTHON) -m serve.ask --servable=$(DEMO)/servables/demo --request='{"texts": ["plt.plot(x, np.sin(x))"], "k": 2}'
	@echo
	@echo "Explanations:      $(DEMO)/explanations/report.html"
	@echo "Robustness curve:  $(DEMO)/evaluation/robustness.png"
	@echo "Training curves:   $(VENV)/bin/tensorboard --logdir $(DEMO)"
	@echo "A page to try it:  make serve, then open http://127.0.0.1:$(PORT)/"
	@echo "Another line:      $(PYTHON) -m eval.predict --model_dir=$(DEMO)/model --text='json.loads(path.read_text())'"

$(DEMO)/servables/demo/1/servable.json:
	@echo "The demo must run first: make demo" >&2; exit 1

serve: $(DEMO)/servables/demo/1/servable.json $(VENV)/installed-serve ## serve the demo's model, with a page to try texts on, at PORT
	$(PYTHON) -m serve.main --servable=$(DEMO)/servables/demo --port=$(PORT)

results: $(VENV)/installed ## the results table of the data sets in DATA, clean and attacked: hours
	$(PYTHON) -m benchmarks.results --data_dir=$(DATA) --output_dir=$(RESULTS)

scale: $(VENV)/installed-serve ## everything at the size of Amazon-670K (SHAPE=amazon-3m FRACTION=0.01 for others), and Parabel beside it
	$(PYTHON) -m benchmarks.scale --shape=$(SHAPE) --fraction=$(FRACTION)

test: $(VENV)/installed-test ## the tests, but for the slow ones
	$(PYTHON) -m pytest -q -n 2 --dist loadfile -m "not slow"

gpu-check: $(VENV)/installed ## what a GPU computes against the CPU, and how fast it trains: six minutes
	$(PYTHON) -m benchmarks.gpu

test-all: $(VENV)/installed-test ## all tests: fuzzing by the thousand, killed processes
	$(PYTHON) -m pytest -q -n 2 --dist loadfile

# In an environment of its own, which it alone needs.
fuzz-service: $(VENV)/installed-test ## SERVABLE=servables/NAME: thousands of malformed requests from its OpenAPI document (Schemathesis)
	@test -x .fuzz/bin/schemathesis || { $(PYTHON) -m venv .fuzz && .fuzz/bin/pip install -q 'schemathesis>=4,<5'; }
	@$(PYTHON) -m serve.main --servable=$(SERVABLE) --port=8599 & service=$$!; trap "kill $$service" EXIT; \
	  .fuzz/bin/schemathesis --config-file tests/serve/schemathesis.toml run http://127.0.0.1:8599/openapi.json \
	  --wait-for-schema 120 --checks all --max-examples $(FUZZ_EXAMPLES) --generation-database none

test-stacks: ## the tests on each Python of STACKS, in .stacks/; then models cross from stack to stack
	@for version in $(STACKS); do \
	  echo "Python $$version"; \
	  PATH="$$(printf '%s:' $(PYENV_ROOT)/versions/3.*/bin)$$PATH" \
	    $(MAKE) --no-print-directory test VENV=.stacks/$$version PYTHON_VERSIONS=$$version || exit 1; \
	done
	.stacks/$(lastword $(STACKS))/bin/python -m pytest -q tests/test_stacks_cross.py

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
	rm -rf $(DEMO) site $(VENV) .stacks .fuzz
