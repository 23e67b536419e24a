# The one way to do things, the same on a laptop and in CI. `make setup` installs what run and test need.
.PHONY: setup run test soak check bench bench-large lock clean system-packages bytecode
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8080
BIN := .venv/bin
FRENCH := server/office/translations/fr/LC_MESSAGES/messages
export FIELDPOST_DATA_DIR ?= ./data

setup: .venv/.tested bytecode $(FRENCH).mo server/office/static/dist/.built server/field/static/.built system-packages

system-packages:
	@sh tests/system-packages.sh

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

# What only tests, checks and benchmarks need (Spark alone is half a gigabyte) is not asked of a laptop that runs the server.
.venv/.tested: .venv/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

# Compiled once here, so that no process has to (Python does not keep it where PYTHONDONTWRITEBYTECODE is set). Half a second
# when nothing changed.
bytecode: .venv/.installed
	@$(BIN)/python -m compileall -q server forms sync

$(FRENCH).mo: $(FRENCH).po .venv/.installed
	$(BIN)/pybabel --quiet compile --locale fr --directory server/office/translations

server/office/static/dist/.built: web/office/package-lock.json $(shell find web/office web/shared -path '*/node_modules' -prune -o -type f -print 2>/dev/null)
	cd web/office && npm ci --no-fund --no-audit --loglevel=error && npm run --silent build
	@touch $@

server/field/static/.built: web/field/package-lock.json $(shell find web/field web/shared -path '*/node_modules' -prune -o -type f -print 2>/dev/null)
	cd web/field && npm ci --no-fund --no-audit --loglevel=error && npm run --silent build
	@touch $@

# run needs no test programs, so it does not touch the system's packages.
run: .venv/.installed bytecode $(FRENCH).mo server/office/static/dist/.built server/field/static/.built
	$(BIN)/fieldpost init
	$(BIN)/fieldpost demo --if-empty
	$(BIN)/fieldpost serve --host $(HOST) --port $(PORT)

test: setup check
	$(BIN)/python -m pytest -m "not soak" -n 2 --dist loadfile

soak: setup
	$(BIN)/python -m pytest -m soak

check: .venv/.tested
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.tested
	$(BIN)/python -m bench

bench-large: .venv/.tested
	$(BIN)/python -m bench --large

LOCKING := --quiet --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-options --no-header
lock: .venv/.tested
	$(BIN)/pip-compile $(LOCKING) -o requirements.lock pyproject.toml
	$(BIN)/pip-compile $(LOCKING) --extra dev --extra link --extra spark -c requirements.lock -o requirements-dev.lock pyproject.toml

clean:
	rm -rf .venv build dist *.egg-info server/office/static/dist server/field/static web/office/node_modules web/field/node_modules
