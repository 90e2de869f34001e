# Two commands matter: `make demo` and `make test`. Each sets up what it needs, once.
BIN := .venv/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo theory test lint format bench bench-array bench-networks bench-solvers clean setup setup-bench setup-dev

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

demo: setup  ## precision against resistors per weight, on a real network, in ngspice
	@$(BIN)/crossbar study examples/digits.toml --out out/digits

theory: setup  ## bits against the number of random values, in out/theory
	@$(BIN)/python examples/bits_against_n.py --out out/theory

test: setup-dev  ## all tests, two files at once (ARGS="-k name" chooses some)
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup-dev  ## style, types and the directions of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup-dev  ## mend the style where that can be done by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: bench-solvers bench-array  ## time the solvers and the simulators
	@$(BIN)/python benchmarks/simulators.py

bench-array: setup-bench  ## one array: ours against badcrossbar and ngspice; layers of tiles
	@$(BIN)/python benchmarks/arrays.py

bench-networks: setup-dev  ## a network of 266,200 weights: programming, extraction, inference
	@$(BIN)/python benchmarks/networks.py

bench-solvers: setup-bench  ## subset sums against OR-Tools, FLSSS and published workloads
	@$(BIN)/python benchmarks/subset_sums.py --out out/bench-solvers
	@$(BIN)/python benchmarks/heuristics.py --figure out/bench-solvers/heuristics.png

clean:  ## remove .venv, caches and build results; what studies wrote in out/ is kept
	@rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@bash tools/setup.sh run

setup-bench:
	@bash tools/setup.sh bench

setup-dev:
	@bash tools/setup.sh dev
