# make demo   set everything up and make a real call: seen, heard, recorded
# make test   set everything up and run the whole suite
# make lint   style, types and the rules between the rooms
# make load   1,000 calls one after another and 200 at once, with sipp; 200 while the media engine is killed; 50 while the node is; an hour of drifting clocks
# make bench  the media plane against its floor
# make lock   lock the dependencies anew (needs uv)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint load bench lock clean

demo: $(VENV)/demo.stamp
	$(BIN)/offhook demo

# Run a second time, with the store on PostgreSQL, but for what is about sound, figures and other programs. (tests/postgresql always starts a server.)
ON_POSTGRESQL := tests/store tests/e2e/test_first_call.py \
	$(filter-out %live_sound.py %metrics.py %health.py %both_legs.py %later.py %recordings.py,$(wildcard tests/api/test_*.py))

# In three parts at the same time: most tests wait for something real, and two cores are there. What a part has printed comes at its end.
LIVE := tests/answering tests/e2e tests/load tests/media tests/speech tests/test_docs.py tests/test_node.py
test: $(VENV)/all.stamp
	@$(MAKE) -j3 -k -Oline --no-print-directory _live _rest _postgresql

.PHONY: _live _rest _postgresql
_live:
	$(BIN)/pytest $(LIVE)
_rest: lint
	nice $(BIN)/pytest --ignore=tests/interop $(LIVE:%=--ignore=%)
	$(BIN)/pytest tests/interop
_postgresql:
	OFFHOOK_TEST_DATABASE=postgresql nice $(BIN)/pytest $(ON_POSTGRESQL)

lint: $(VENV)/all.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

load: $(VENV)/all.stamp
	OFFHOOK_LOAD=full $(BIN)/pytest tests/load tests/calls/test_dial_races.py tests/interop/test_dial_targets.py \
		tests/interop/test_kills.py tests/api/test_conformance.py

bench: $(VENV)/demo.stamp
	$(BIN)/offhook bench media --scenario all --legs 500,1000

# What the demo needs is a part of what the tests need: whoever has all has the demo.
$(VENV)/demo.stamp: requirements/demo.txt pyproject.toml | $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/demo.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/all.stamp: requirements/all.txt pyproject.toml | $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/all.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/demo.stamp

$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit("Offhook needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)

LOCK = uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --universal pyproject.toml
lock:
	$(LOCK) -o requirements/core.txt
	$(LOCK) --extra speech --extra gpl-voices --extra examples --extra build --extra dev -c requirements/core.txt -o requirements/all.txt
	$(LOCK) --extra speech --extra gpl-voices --extra examples --extra build -c requirements/all.txt -o requirements/demo.txt

clean:
	rm -rf $(VENV) out .pytest_cache .mypy_cache .ruff_cache
