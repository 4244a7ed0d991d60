# One command each. Everything they need is installed by their own steps into .venv and ./var.
.PHONY: setup demo up test test-engines test-clients test-fuzz check bench bench-large format docs lock clean

# The tests start many processes; each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

setup: .venv/.ready

.venv/.ready: requirements.lock scripts/setup
	scripts/setup

demo: setup
	.venv/bin/usher demo

up: setup
	.venv/bin/usher up

test: setup
	scripts/chromium
	.venv/bin/pytest -n logical --maxprocesses 8 --dist worksteal

# 5,000 random rules on DuckDB, PostgreSQL, SQLite, ClickHouse and Spark: some minutes, and 1.5 GB of packages.
test-engines: .venv-engines/.ready
	scripts/java
	.venv-engines/bin/pytest -m "engines or not engines" usher/rules/tests/engines

.venv-engines/.ready: requirements-engines.lock | setup
	.venv/bin/python -m venv .venv-engines
	.venv/bin/uv pip sync --quiet --python .venv-engines/bin/python requirements-engines.lock
	.venv/bin/uv pip install --quiet --python .venv-engines/bin/python --no-deps --no-build-isolation --editable .
	touch .venv-engines/.ready

# Two public clients of Dotdigital, fetched (30 MB) and run against the server. Wants Node.js.
test-clients: setup
	scripts/clients
	.venv/bin/pytest usher/engage/tests/conformance/clients/play_clients.py

# Calls and stories by chance, many more than in `make test`: some minutes. USHER_FUZZ_SEED=7 makes others.
test-fuzz: setup
	USHER_FUZZ_SEED=$${USHER_FUZZ_SEED:-1} USHER_FUZZ_CALLS=25 USHER_FUZZ_STORIES=60 USHER_FUZZ_STEPS=60 \
	  .venv/bin/pytest usher/engage/tests/conformance/test_fuzz.py usher/engage/tests/test_nobody_who_left.py

check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy usher
	.venv/bin/lint-imports
	.venv/bin/djade --check --target-version 5.2 $$(git ls-files 'usher/*.html')

bench: setup
	.venv/bin/python -m bench

# Five million customers with fifty million orders: some minutes, and a few GB on the disk.
bench-large: setup
	.venv/bin/python -m bench large

format: setup
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	.venv/bin/djade --target-version 5.2 $$(git ls-files 'usher/*.html')

# Rewrites docs/rules.md: every example is tried anew.
docs: setup
	.venv/bin/python -m usher.rules.docs

# Rewrites both lock files from pyproject.toml.
lock: setup
	.venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --group dev --quiet pyproject.toml -o requirements.lock
	.venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --group engines --quiet -c requirements.lock pyproject.toml -o requirements-engines.lock

clean:
	rm -rf .venv .venv-engines var
