# `make deploy`: a JupyterHub on this machine. `make test`: all tests.
# Both need Python 3.11+, make and a package index, and may be repeated as often as you like.

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
VENV := $(ROOT)/.venv
BIN := $(VENV)/bin
DEPLOYMENT := $(ROOT)/deployment
CONFIG := $(DEPLOYMENT)/qhub-config.yaml
PASSWORD := $(DEPLOYMENT)/admin-password

# The first Python on PATH that is new enough; `make PYTHON=…` names another.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

.PHONY: help deploy destroy test test-cluster unit lint format benchmark constraints labextension clean
.DEFAULT_GOAL := help

help:
	@echo "make deploy        a JupyterHub on this machine, from deployment/qhub-config.yaml"
	@echo "make destroy       take it down, with all users' files"
	@echo "make test          all tests; what they need and this machine lacks is skipped, with the reason"
	@echo "make test-cluster  those of a Kubernetes cluster, on the one that KUBECONFIG names"
	@echo "make unit          the tests that take seconds"
	@echo "make lint          formatting, linting, strict type checking, terraform fmt"
	@echo "make benchmark     the ratios of benchmarks/"

deploy: $(VENV)/.local $(CONFIG)
	@$(BIN)/qhub deploy --config $(CONFIG) --yes
	@if [ -f $(PASSWORD) ]; then echo "user: admin"; echo "password: $$(cat $(PASSWORD))"; fi

destroy: $(VENV)/.local
	@$(BIN)/qhub destroy --config $(CONFIG) --yes

$(CONFIG): | $(VENV)/.local
	@mkdir -p $(DEPLOYMENT)
	@$(BIN)/qhub init local --yes --admin admin --config $(CONFIG) --password-file $(PASSWORD) \
	  >/dev/null

test: $(VENV)/.dev
	cd $(ROOT) && $(BIN)/python -m pytest

test-cluster: $(VENV)/.dev
	@test -n "$$KUBECONFIG" || { echo "error: KUBECONFIG names no cluster" >&2; \
	  echo "hint: KUBECONFIG=FILE make test-cluster; it deploys to a namespace of its own" >&2; exit 1; }
	cd $(ROOT) && $(BIN)/python -m pytest tests/cluster

unit: $(VENV)/.dev
	cd $(ROOT) && $(BIN)/python -m pytest tests/unit

lint: $(VENV)/.dev
	cd $(ROOT) && $(BIN)/ruff format --check && $(BIN)/ruff check && $(BIN)/mypy
	cd $(ROOT) && $(BIN)/python -m tests.terraform.fmt --check

format: $(VENV)/.dev
	cd $(ROOT) && $(BIN)/ruff format && $(BIN)/ruff check --fix
	cd $(ROOT) && $(BIN)/python -m tests.terraform.fmt

benchmark: $(VENV)/.dev
	cd $(ROOT) && $(BIN)/python -m benchmarks

constraints: $(VENV)/.dev
	cd $(ROOT) && { echo '# Versions that qhub is tested with. Renew with: make constraints'; \
	  $(BIN)/uv pip compile -q pyproject.toml --upgrade --all-extras --universal \
	    --python-version 3.11 --no-header --no-annotate; } > constraints.txt

# Needs Node 20 or newer; what it builds is committed.
labextension: $(VENV)/.local
	$(BIN)/python $(ROOT)/labextension/build.py

clean:
	rm -rf $(VENV) $(ROOT)/artifacts $(ROOT)/labextension/node_modules $(ROOT)/labextension/lib

$(VENV)/.local: $(ROOT)/pyproject.toml $(ROOT)/constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer on PATH" >&2; \
	  echo "hint: install one, or name it: make PYTHON=/path/to/python3 deploy" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing qhub into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint $(ROOT)/constraints.txt --editable "$(ROOT)[local]"
	@$(BIN)/python -m compileall -q $(ROOT)/qhub
	@touch $@

$(VENV)/.dev: $(VENV)/.local
	@echo "installing what tests and checks need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint $(ROOT)/constraints.txt --editable "$(ROOT)[local,kubernetes,aws,test,dev]"
	@touch $@
