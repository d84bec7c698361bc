# Two commands: `make demo` examines the sample disk, `make test` runs the tests. Both make .venv when it is not there.

PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/pip --quiet --disable-pip-version-check
SAMPLE := testdata/images/sample.vhdx.xz
# The day the sample disk was made: its certificates expire from then on.
SAMPLE_DATE := 2026-11-22

.PHONY: demo test lint docs clean

demo: $(VENV)/installed
	@# Exit code 1 says that something is broken on the disk, which is what the demo shows.
	$(VENV)/bin/keymortem examine $(SAMPLE) --as-of $(SAMPLE_DATE) || [ $$? -eq 1 ]

test: $(VENV)/installed-for-tests
	$(VENV)/bin/python -m pytest -n auto --dist loadgroup $(ARGS)

lint: $(VENV)/installed-for-tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy --strict forensics
	$(VENV)/bin/lint-imports

# The two pages of the manual that are printed by the program itself.
docs: $(VENV)/installed
	$(VENV)/bin/keymortem tables --markdown > docs/tables.md
	$(VENV)/bin/keymortem rules list --markdown > docs/rules.md

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --editable .
	touch $@

$(VENV)/installed-for-tests: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --editable '.[test]'
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
