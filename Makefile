# Two commands: `make demo` examines the sample disk, `make test` runs the tests. Both make .venv when it is not there,
# from requirements.lock and nothing else. CONTRIBUTING.md says when to use the others.

ifeq ($(OS),Windows_NT)
PYTHON ?= python
SCRIPTS := Scripts
else
PYTHON ?= python3
SCRIPTS := bin
endif

VENV := .venv
BIN := $(VENV)/$(SCRIPTS)
AUDIT := .venv-audit
AUDIT_BIN := $(AUDIT)/$(SCRIPTS)
SITE := .venv-docs
SITE_BIN := $(SITE)/$(SCRIPTS)
PIP_INSTALL := -m pip --quiet --disable-pip-version-check install
TARGET ?= --all
SECONDS ?= 600
SAMPLE := testdata/images/sample.vhdx.xz
# The day the sample disk was made: its certificates expire from then on.
SAMPLE_DATE := 2026-11-22
# Each process takes a half in the order of the files, so that few examine or build the same twice.
PYTEST_OPTIONS := -n auto --dist worksteal
TYPED := forensics tests testdata

# Byte code is kept, whatever this shell says: the tests start many processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-lowest test-newest lint lock audit docs site bench fuzz mutants new-rule dist check-dist clean

demo: $(VENV)/installed
	@# Exit code 1 says that something is broken on the disk, which is what the demo shows.
	$(BIN)/keymortem examine $(SAMPLE) --as-of $(SAMPLE_DATE) || [ $$? -eq 1 ]

test: $(VENV)/installed
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) $(ARGS)

# The oldest versions that pyproject.toml admits, in an environment of their own.
test-lowest: $(VENV)/installed
	$(PYTHON) -m venv --clear .venv-lowest
	$(BIN)/uv --quiet pip compile --resolution lowest-direct --python .venv-lowest/$(SCRIPTS)/python --no-header \
		--extra test --output-file .venv-lowest/requirements.txt pyproject.toml
	.venv-lowest/$(SCRIPTS)/python $(PIP_INSTALL) --requirement .venv-lowest/requirements.txt
	.venv-lowest/$(SCRIPTS)/python $(PIP_INSTALL) --no-deps --editable .
	.venv-lowest/$(SCRIPTS)/python -m pytest $(PYTEST_OPTIONS) $(ARGS)

# The newest versions that pyproject.toml admits: what `pip install` would fetch today.
test-newest:
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/$(SCRIPTS)/python $(PIP_INSTALL) --editable '.[test]'
	.venv-newest/$(SCRIPTS)/python -m pytest $(PYTEST_OPTIONS) $(ARGS)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict $(TYPED)
	$(BIN)/lint-imports
	$(BIN)/deptry .

# Renews every version in requirements.lock. Commit the result when `make test` is green with it.
lock: $(VENV)/installed
	$(BIN)/uv --quiet pip compile --universal --python-version 3.11 --generate-hashes --upgrade --no-annotate \
		--custom-compile-command "make lock" --extra test --group build --output-file requirements.lock pyproject.toml

	$(BIN)/uv --quiet pip compile --universal --python-version 3.11 --generate-hashes --upgrade --no-annotate \
		--custom-compile-command "make lock" --group audit --output-file audit.lock
	$(BIN)/uv --quiet pip compile --universal --python-version 3.11 --generate-hashes --upgrade --no-annotate \
		--custom-compile-command "make lock" --group fuzz --output-file fuzz.lock
	$(BIN)/uv --quiet pip compile --universal --python-version 3.11 --generate-hashes --upgrade --no-annotate \
		--custom-compile-command "make lock" --group docs --output-file docs.lock
	$(BIN)/uv --quiet pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
		--custom-compile-command "make lock" --extra archives --extra shadow --constraint requirements.lock \
		--output-file container.lock pyproject.toml

# Asks PyPI's advisory service for known vulnerabilities of every locked version; it fails where that is not reached, or
# does not know one of them.
audit: $(AUDIT)/installed
	$(AUDIT_BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off --requirement requirements.lock

# Gives hostile bytes to one parser, make fuzz TARGET=hive SECONDS=600, or to all, TARGET=--all: docs/fuzzing.md.
fuzz: $(VENV)/fuzz
	$(BIN)/python -m tests.fuzz $(TARGET) --seconds $(SECONDS)

# Changes the program in small ways and lists what no test notices; ROOMS="chain dpapi" or ARGS="--sample 200" for others.
mutants: $(VENV)/installed
	$(BIN)/python $(PIP_INSTALL) 'mutmut>=3.8'
	$(BIN)/python -m tests.mutants $(ROOMS) $(ARGS)

# Where the time of an examination goes, how many times that of a reader in C it is, and what else it takes; builds its
# disks once.
bench: $(VENV)/installed
	$(BIN)/python -m tests.benchmarks.bench .benchmarks $(ARGS)

# The pages of the manual that are printed by the program itself, or from the tables of its tests.
docs: $(VENV)/installed
	$(BIN)/keymortem tables --markdown > docs/tables.md
	$(BIN)/keymortem rules list --markdown > docs/rules.md
	$(BIN)/keymortem rules commands --markdown > docs/commands.md
	$(BIN)/python -m testdata.forms --page > docs/forms.md
	$(BIN)/python -m tests.bounds
	$(BIN)/python -m tests.licences

# The manual as a site, in build/site/site; a broken link or anchor fails it.
site: $(SITE)/installed
	$(SITE_BIN)/python .ci/site.py build/site

# A new rule to fill in: make new-rule ID=chain/my-rule
new-rule: $(VENV)/installed
	$(BIN)/keymortem rules new rules/$(ID)

# A wheel, a source archive and a list of what an installation brings (CycloneDX), and a proof that the wheel works where nothing else of this folder is (docs/releasing.md).
dist: $(VENV)/installed $(AUDIT)/installed
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/python -m tests.licences --lock > dist/brought.lock
	version=$$($(BIN)/python -c 'from forensics.version import __version__; print(__version__)') && \
		sed "s/^dynamic = .*/version = \"$$version\"/" pyproject.toml > dist/pyproject.toml
	$(AUDIT_BIN)/cyclonedx-py requirements --pyproject dist/pyproject.toml --output-reproducible --validate \
		--output-file dist/keymortem.cdx.json dist/brought.lock
	rm dist/brought.lock dist/pyproject.toml

check-dist: dist
	$(PYTHON) -m venv --clear .venv-dist
	.venv-dist/$(SCRIPTS)/python $(PIP_INSTALL) dist/*.whl
	.venv-dist/$(SCRIPTS)/keymortem --version
	cd dist && ../.venv-dist/$(SCRIPTS)/keymortem examine ../$(SAMPLE) --as-of $(SAMPLE_DATE) > demo.txt || [ $$? -eq 1 ]
	grep generalize-orphaned-keys dist/demo.txt
	rm dist/demo.txt

# The build tools first, from the same lock, so that nothing is ever built with what the lock does not name.
$(VENV)/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	sed -n '/^setuptools==/,/[^\\]$$/p' requirements.lock > $(VENV)/setuptools.lock
	$(BIN)/python $(PIP_INSTALL) --require-hashes --requirement $(VENV)/setuptools.lock
	$(BIN)/python $(PIP_INSTALL) --require-hashes --no-build-isolation --requirement requirements.lock
	$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

$(AUDIT)/installed: audit.lock
	$(PYTHON) -m venv --clear $(AUDIT)
	$(AUDIT_BIN)/python $(PIP_INSTALL) --require-hashes --only-binary :all: --requirement audit.lock
	touch $@

$(SITE)/installed: docs.lock
	$(PYTHON) -m venv --clear $(SITE)
	$(SITE_BIN)/python $(PIP_INSTALL) --require-hashes --only-binary :all: --requirement docs.lock
	touch $@

# atheris has no wheel for some systems and Pythons; there the engine of the tests does its work.
$(VENV)/fuzz: $(VENV)/installed fuzz.lock
	$(BIN)/python $(PIP_INSTALL) --require-hashes --only-binary :all: --requirement fuzz.lock || \
		echo "atheris could not be installed: inputs are changed by chance, without its coverage"
	touch $@

clean:
	rm -rf $(VENV) $(AUDIT) $(SITE) .venv-lowest .venv-newest .venv-dist build dist
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
