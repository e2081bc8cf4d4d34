# Everything one does with this repository; `make` lists it. Needs Python 3.11, gcc and make.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
SOURCES := protocol storage server
PYX := $(shell find $(SOURCES) -name '*.pyx' -o -name '*.pxd' -o -name '*.h')
SEEDS ?= 2000
ROUNDS ?= 20
SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help setup build run fmt lint types layers check test test-slow docs crash chaos golden verify bench bench-quick bench-growth bench-shapes bench-latency bench-plot \
	join-orders random-changes random-expressions random-messages random-queries image-check schedules serializable soak lock-soak clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.built ## virtual environment, dependencies, compiled kernels; leaves .venv/bin/rustydb

$(VENV)/.installed: pyproject.toml setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip 'setuptools>=80,<82' 'Cython>=3.1,<4' 'numpy>=2.2,<3' wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --config-settings editable_mode=compat -e '.[test]'
	touch $@

$(VENV)/.built: $(VENV)/.installed $(PYX)
	$(BIN)/python setup.py --quiet build_ext --inplace
	$(BIN)/python -m compileall -q $(SOURCES)
	$(BIN)/python -m server --help > /dev/null  # writes what starts take modules from
	touch $@

build: setup ## compile what changed

run: setup ## serve ./data on 127.0.0.1:5432
	exec $(BIN)/rustydb

fmt: setup ## format all sources
	$(BIN)/ruff format . && $(BIN)/ruff check --fix --quiet .

lint: setup
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types: setup
	$(BIN)/mypy

layers: setup
	PYTHONPATH=. $(BIN)/lint-imports --no-cache

check: lint types layers ## format, lint, types, import contracts

test: setup ## every fast test
	$(BIN)/pytest -q -m 'not slow'

test-slow: setup ## every test
	$(BIN)/pytest -q

docs: setup ## write the tree of ARCHITECTURE.md anew
	$(BIN)/python tests/architecture/tree.py

random-expressions: setup ## random expressions on both servers: N=number SEED=n TARGET=host:port REFERENCE=host:port
	$(BIN)/python -m tests.random_expressions.expressions --number $(or $(N),10000) --seed $(or $(SEED),1) \
		--target $(or $(TARGET),127.0.0.1:5432) --reference $(or $(REFERENCE),127.0.0.1:54320)

crash: setup ## simulated power cuts: SEEDS=n
	$(BIN)/python -m tests.crash.run --seeds $(SEEDS)
	$(BIN)/python -m tests.crash.run --seeds $$(( $(SEEDS) / 20 )) --sql

random-queries: setup ## random queries on this server and PostgreSQL 15: N=number FIRST=seed KIND=narrow|wide|every
	$(BIN)/python -m tests.random_queries.run --count $(or $(N),1000) --first $(or $(FIRST),0) --kind $(or $(KIND),narrow)

random-messages: setup ## random sequences of protocol messages on both servers: DSN=... ORACLE=... N=number FIRST=seed
	$(BIN)/python -m tests.random_messages.run --dsn "$(DSN)" --reference "$(ORACLE)" \
		--count $(or $(N),1000) --first $(or $(FIRST),0)

random-changes: setup ## random sequences of changes on both servers: DSN=... ORACLE=... N=number FIRST=seed
	$(BIN)/python -m tests.random_changes.run --dsn "$(DSN)" --reference "$(ORACLE)" \
		--count $(or $(N),100) --first $(or $(FIRST),0)

golden: setup ## rewrite the expected output of golden scripts; review the diff
	GOLDEN_REWRITE=1 $(BIN)/pytest -q tests/golden

chaos: setup ## kill -9 under pgbench, restart, compare with what was acknowledged: ROUNDS=n
	$(BIN)/python -m bench.chaos --rounds $(ROUNDS)

soak: setup ## pgbench for long: files stay small, throughput level: SECONDS=n
	$(BIN)/python -m bench.soak --seconds $(SECONDS)

lock-soak: setup ## sessions that wait for each other for long: nobody is forgotten: SECONDS=n
	$(BIN)/python -m bench.lock_soak --seconds $(SECONDS)

schedules: setup ## random schedules of sessions beside PostgreSQL 15: DSN=... ORACLE=... SEEDS=first:stop
	$(BIN)/python -m tests.isolation.compare_schedules --dsn "$(DSN)" --oracle "$(ORACLE)" --seeds $(SEEDS)

serializable: setup ## random serializable mixes: is there an order, and how many fail beside PostgreSQL 15: DSN=... ORACLE=...
	$(BIN)/python -m tests.isolation.compare_serializable --dsn "$(DSN)" --oracle "$(ORACLE)" --seeds $(SEEDS)

verify: setup ## pgbench in every protocol with its sums, TPC-H's answers beside DuckDB's
	$(BIN)/python -m bench.verify

bench: setup ## ratios to PostgreSQL 15 and DuckDB, recorded in bench/history.jsonl
	$(BIN)/python -m bench.run --record

bench-quick: setup ## the same in under three minutes, not recorded
	$(BIN)/python -m bench.run --quick

bench-shapes: setup ## short statements as applications send them, recorded in bench/history.jsonl
	$(BIN)/python -m bench.shapes --record

bench-latency: setup ## p99 of point reads beside long queries, and how soon cancelled queries end: recorded in bench/history.jsonl
	$(BIN)/python -m bench.latency --record

bench-growth: setup ## TPC-H by scale factor, clients up to 512, memory: recorded in bench/history.jsonl
	$(BIN)/python -m bench.growth --record

bench-plot: setup ## bench/growth.svg out of bench/history.jsonl
	$(BIN)/python -m bench.plot

join-orders: setup ## how good the chosen join orders are beside random ones
	$(BIN)/python -m bench.join_orders

image-check: ## build the container image with buildah, start it, use it, stop it
	docker/check

clean: ## remove everything that was built
	rm -rf $(VENV) build *.egg-info
	find $(SOURCES) -name '*.so' -delete
	find $(SOURCES) -path '*/native/*.c' -delete -o -path '*/native/*.cpp' -delete
