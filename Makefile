# Everything a person or a build machine runs. `make` alone prints this list.
# Works as root and as a normal user, without a terminal and without any set-up.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
PORT ?= 8000
VENV := .venv/bin
# Any value will do for tools that only import the settings; made anew each time.
WITH_SECRET = SECRET_KEY="$$($(VENV)/python -c 'import secrets; print(secrets.token_urlsafe(48))')"
TEST_MODELS := all-minilm-l6-v2 qwen2.5-coder-0.5b-instruct-q4_k_m smollm2-135m-instruct-q4_1
PYTEST_ARGS ?=
HEAVY := models or browser or faults

.DEFAULT_GOAL := help
.PHONY: help venv setup ocr dev browser test-models run test test-faults test-fast check lint bench lock fmt clean
.SILENT: venv dev test-models

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

venv:
	$(PYTHON) -m rag_site.bootstrap

dev:
	$(PYTHON) -m rag_site.bootstrap --dev

setup: venv ## create .venv with everything installed, built and verified
	@$(VENV)/python -m rag_site.weights

ocr: ## install text recognition for scans and pictures; OCR=0 make run does without
	@$(PYTHON) -m rag_site.bootstrap --ocr

run: venv ## set up and start the site; PORT=8001 MODEL=name to choose
	@$(VENV)/python manage.py run --port $(PORT) $(if $(MODEL),--model $(MODEL))

# One process: it holds weights, and one site for all browser tests.
test: dev browser test-models ## run every test
	$(VENV)/python -m pytest $(PYTEST_ARGS)

test-faults: dev test-models ## kill workers, Redis and Postgres under 200 files, try 100,000 doors and 2,100 requests; some 60 minutes
	PLUMBLINE_LONG_FAULTS=1 $(VENV)/python -m pytest tests/faults $(PYTEST_ARGS)
	PLUMBLINE_LONG_FAULTS=1 $(VENV)/python -m pytest -n 2 tests/rights $(PYTEST_ARGS)
	PLUMBLINE_LONG_FAULTS=1 $(VENV)/python -m pytest tests/generation/test_model_requests.py $(PYTEST_ARGS)

test-fast: dev ## run the tests that need neither models nor a browser
	$(VENV)/python -m pytest -n 2 --dist loadfile -m "not ($(HEAVY))" $(PYTEST_ARGS)

check: dev lint test-fast ## linters, types, system checks, fast tests

lint: dev ## linters, types and system checks alone
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(WITH_SECRET) $(VENV)/mypy
	$(WITH_SECRET) $(VENV)/lint-imports --no-cache
	find templates -name '*.html' -exec $(VENV)/djade --check --target-version 5.2 {} +
	$(VENV)/python manage.py check --database default --fail-level ERROR
	$(VENV)/python manage.py makemigrations --check --dry-run

bench: setup ## run the benchmarks, each beside its baseline
	@for part in ingestion retrieval generation; do \
		$(VENV)/python manage.py benchmark $$part || exit 1; done

fmt: dev ## format the code and the templates
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .
	find templates -name '*.html' -exec $(VENV)/djade --target-version 5.2 {} +

# torch and what only its GPU build needs are installed apart (docs/adr/0003).
lock: dev ## resolve requirements*.in into hashed requirements*.txt
	$(VENV)/uv pip compile -q --python-version 3.11 --no-header --no-annotate requirements.in \
		| sed -nE 's/^(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)(\[[a-z0-9,-]+\])?==.*/--no-emit-package=\1/p' \
		> .venv/no-emit
	$(VENV)/uv pip compile -q --python-version 3.11 --no-header --generate-hashes \
		$$(cat .venv/no-emit) requirements.in -o requirements.txt
	$(VENV)/uv pip compile -q --python-version 3.11 --no-header --generate-hashes \
		$$(cat .venv/no-emit) requirements-dev.in -o requirements-dev.txt
	$(VENV)/uv pip compile -q --python-version 3.11 --no-header --generate-hashes \
		requirements-ocr.in -o requirements-ocr.txt

test-models: dev
	$(VENV)/python -m rag_site.weights $(TEST_MODELS)

# Without a browser its tests are skipped, and each says so.
browser:
	@if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Chromium for the browser tests"; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
				--no-install-recommends chromium chromium-driver; } >/dev/null 2>&1 \
				|| echo "Chromium could not be installed: the browser tests will be skipped"; \
		else \
			echo "No Chromium here: the browser tests will be skipped." \
				"Install it with: sudo apt-get install chromium chromium-driver"; \
		fi; \
	fi

clean: ## remove the environment and caches; keeps var/ with the site's data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
