.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
SOURCE ?= auto
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Otherwise waiting threads of scikit-learn spin, which takes minutes on cores that other processes use.
export OMP_WAIT_POLICY := passive
# Most requests that `make test-attack` generates for an operation; more take longer and may show more.
export ATTACK_EXAMPLES ?= 500

.PHONY: help serve bake pipeline lab lab-boosting lab-excel image test test-attack test-clients test-faults test-integrations test-browser test-container test-aws bench bench-overload soak check format dvc-yaml spec-schema swagger lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/.build model/contract.json ## Bake the model if there is none, and serve it on http://127.0.0.1:8001
	./run.sh

bake: $(VENV)/.build ## Train, check and export the census model to model/ (SOURCE=auto|real|synthetic)
	python -m model_build bake --source $(SOURCE)

pipeline: $(VENV)/.build $(VENV)-dvc/.installed ## Bring the pipeline of dvc.yaml up to date, stage by stage
	$(VENV)-dvc/bin/dvc repro

model/contract.json: | $(VENV)/.build
	python -m model_build bake --source $(SOURCE)

lab: $(VENV)/.lab ## Install MLflow and what the notebook needs

lab-boosting: $(VENV)/.boosting ## Install LightGBM, XGBoost and CatBoost

lab-excel: $(VENV)/.excel ## Install what reads Excel workbooks

image: ## Build the container image census-model-api, with its labels
	infra/build_image.sh census-model-api

test: $(VENV)/.test ## Run the tests that need no other tool
	python -m pytest -n auto

test-attack: $(VENV)/.attack ## Attack a running service with generated and with known hostile requests
	python -m pytest -n 2 --dist loadfile tests/attack

test-clients: $(VENV)/.test ## Test what clients see of the service, also through nginx (needs nginx, Node.js and curl)
	python -m pytest -n auto tests/clients

test-faults: $(VENV)/.test ## Kill, stop, starve and block a running service
	python -m pytest -n auto tests/faults

test-integrations: $(VENV)/.lab $(VENV)/.boosting $(VENV)/.excel $(VENV)-dvc/.installed ## Test a bake with MLflow, DVC, the notebook, other boostings and Excel
	python -m pytest -n auto --dist loadfile tests/integrations

test-browser: $(VENV)/.lab ## Test the pages in a browser (needs Chromium)
	python -m pytest tests/browser

test-container: $(VENV)/.test ## Build the image, run it and replace it under load (needs Docker and wrk)
	python -m pytest tests/container

test-aws: $(VENV)/.aws $(VENV)-checkov/.installed ## Test the templates and scripts for AWS, without an account
	python -m pytest -n auto --dist loadfile tests/aws

bench: $(VENV)/.test model/contract.json ## Measure what a request costs, beside floors and a baseline (needs wrk; BENCH=--quick)
	python -m benchmarks $(BENCH)

bench-overload: $(VENV)/.test model/contract.json ## Measure the service above its capacity (needs a C compiler; BENCH=--quick)
	python -m benchmarks.overload $(BENCH)

soak: $(VENV)/.test model/contract.json ## Load the service for SECONDS, and fail if it grows (needs a C compiler; SECONDS=600)
	python -m benchmarks.soak --seconds $(SECONDS)

SECONDS ?= 600

check: $(VENV)/.test ## Lint, formatting and types
	ruff check
	ruff format --check
	mypy

format: $(VENV)/.test ## Format the code, and fix what ruff can fix
	ruff check --fix
	ruff format

dvc-yaml: $(VENV)/.build ## Write dvc.yaml from the stages of the pipeline (SPEC=census)
	python -m model_build.dvc_yaml $(SPEC) > dvc.yaml.new
	mv dvc.yaml.new dvc.yaml

SPEC ?= census

spec-schema: $(VENV)/.build ## Write docs/spec.schema.json, with which editors complete a spec
	python -m model_build spec-schema > docs/spec.schema.json

swagger: ## Copy Swagger UI from npm's release, which package-lock.json names and npm verifies (needs npm)
	rm -rf build/swagger && mkdir -p build/swagger && cp infra/swagger/package*.json build/swagger
	npm ci --prefix build/swagger --ignore-scripts --no-audit --no-fund
	cd build/swagger/node_modules/swagger-ui-dist && cp $(SWAGGER) $(CURDIR)/app/static/swagger
	cd app/static/swagger && sha256sum $(SWAGGER) > $(CURDIR)/infra/swagger/SHA256SUMS

SWAGGER := LICENSE NOTICE favicon-32x32.png swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css

lock: $(VENV)/.test ## Resolve the groups of pyproject.toml into the requirements files
	uv pip compile --group test -o tests/requirements.txt $(COMPILE)
	uv pip compile --group build -o model_build/requirements.txt -c tests/requirements.txt $(COMPILE)
	uv pip compile --group runtime -o requirements.txt -c tests/requirements.txt $(NEVER_IMPORTED) $(COMPILE)
	uv pip compile --group aws -o infra/requirements.txt -c tests/requirements.txt $(COMPILE)
	uv pip compile --group attack -o tests/attack-requirements.txt -c tests/requirements.txt $(COMPILE)
	uv pip compile --group lab -o model_build/lab-requirements.txt -c tests/requirements.txt $(COMPILE)
	uv pip compile --group boosting -o model_build/boosting-requirements.txt -c tests/requirements.txt $(COMPILE)
	uv pip compile --group excel -o model_build/excel-requirements.txt -c tests/requirements.txt $(COMPILE)
	uv pip compile --group dvc -o model_build/dvc-requirements.txt $(COMPILE)
	uv pip compile --group sbom -o infra/sbom-requirements.txt -c tests/requirements.txt $(COMPILE)
	uv pip compile --group checkov -o infra/checkov-requirements.txt $(COMPILE)

# onnxruntime requires these, and only its developer tools import them. The image is without them.
NEVER_IMPORTED := --no-emit-package flatbuffers --no-emit-package packaging --no-emit-package protobuf
COMPILE := --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --upgrade --custom-compile-command "make lock"

clean: ## Remove the virtual environment, the baked model and caches; data/ stays
	rm -rf $(VENV) $(VENV)-checkov $(VENV)-dvc benchmarks/.venvs .actionlint_cache build model model.joblib .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=…")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.build: model_build/requirements.txt | $(VENV)/bin/python
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(VENV)/.test: tests/requirements.txt | $(VENV)/bin/python
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@ $(VENV)/.build

$(VENV)/.aws: infra/requirements.txt | $(VENV)/.test
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(VENV)/.attack: tests/attack-requirements.txt | $(VENV)/.test
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(VENV)/.lab: model_build/lab-requirements.txt | $(VENV)/.test
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(VENV)/.boosting: model_build/boosting-requirements.txt | $(VENV)/.test
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(VENV)/.excel: model_build/excel-requirements.txt | $(VENV)/.test
	python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(VENV)-dvc/.installed: model_build/dvc-requirements.txt | $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)-dvc
	$(VENV)-dvc/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(VENV)-checkov/.installed: infra/checkov-requirements.txt | $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)-checkov
	$(VENV)-checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@
