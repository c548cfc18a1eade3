# make demo: a real cluster on this machine, to look at.   make test: every test.   make check: style and types.
# make outside: on upstream's own sites, and on Ubuntu itself, where this machine reaches them.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
SCRIPTS := $(shell git ls-files '*.sh') .ci/run templates/flannel-cni templates/kubectl

.PHONY: demo clean-demo test check soak outside bench packages

$(VENV)/ready: setup.cfg pyproject.toml
	@command -v python3 >/dev/null && python3 -c 'import ensurepip' 2>/dev/null || $(MAKE) packages
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

packages:
	sh demo/packages.sh

demo: packages $(VENV)/ready
	bash demo/run.sh

clean-demo:
	bash demo/clean.sh

check: $(VENV)/ready
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/shellcheck -x $(SCRIPTS)
	$(BIN)/pytest -q tests/unit/test_imports.py tests/unit/test_tests.py tests/unit/test_docs.py
	$(BIN)/python docs/structure.py --check

test: packages check
	$(BIN)/kubeup release fetch tests/lab/release.yaml
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not soak'

soak: packages $(VENV)/ready
	KUBEUP_FUZZ=100000 $(BIN)/pytest --timeout 7200 --durations 0 tests/unit -k 'makes_a or makes_anything'
	$(BIN)/pytest -m soak -s

outside: $(VENV)/ready
	$(BIN)/python -m tests.outside

bench: packages $(VENV)/ready
	$(BIN)/python -m benchmarks
