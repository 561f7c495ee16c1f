# Portcullis. `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
CARGO ?= cargo

.PHONY: help run test test-fast check fmt lint providers services interop browser proxies bench openapi deny build layout docker

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: ## the development server, ready to use: http://localhost:8080
	$(CARGO) run --quiet -- dev

build: ## the release binary: target/release/portcullis
	$(CARGO) build --release

layout: ## arrange the code of the release binary by what runs of it; needs valgrind
	$(CARGO) build --release --config 'profile.release.strip="none"' --target-dir target/layout
	python3 deploy/layout.py target/layout/release/portcullis > target/layout/layout.ld
	mv target/layout/layout.ld deploy/layout.ld

test: services interop browser proxies ## every test, against real PostgreSQL, RabbitMQ and Redis
	$(CARGO) nextest --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-nextest
	$(CARGO) nextest run --workspace --profile all
	$(CARGO) test --workspace --doc --quiet

test-fast: ## the tests that need no server
	$(CARGO) nextest run -p portcullis-domain -p portcullis-memory -p portcullis-system -p portcullis-tokens -p portcullis-http
	$(CARGO) nextest run -p portcullis --test architecture --test http

check: lint providers ## formatting, lints, and one TLS provider

fmt: ## format the code
	$(CARGO) fmt --all

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings

# One TLS and crypto provider: aws-lc-rs. A crate that is not in the tree gives an error or no line, and that is the good case.
providers:
	@for crate in ring openssl-sys native-tls; do \
	  if $(CARGO) tree --workspace --edges normal,build,dev --invert $$crate 2>/dev/null | grep -q .; then \
	    echo "$$crate is in the dependency tree: find out why with 'cargo tree -i $$crate', and use aws-lc-rs instead" >&2; exit 1; \
	  fi; \
	done; echo "one crypto provider"

services: ## find or start PostgreSQL, RabbitMQ and Redis
	@bash tests/services.sh

interop: ## install the token clients of other languages that the tests use
	@bash tests/interop/setup.sh

proxies: ## unpack the proxies that the tests of forward authentication use
	@sh tests/proxies/setup.sh

browser: ## install Chromium and the front-end packages that the browser tests use
	@bash tests/browser/setup.sh

bench: services ## the figures that this README quotes, as ratios on this machine
	$(CARGO) build --release --bins --benches
	$(CARGO) bench -p portcullis-tokens -p portcullis-system -p portcullis-verifier
	$(CARGO) bench -p portcullis --bench load

openapi: ## write the OpenAPI document to docs/openapi.json
	$(CARGO) run --quiet -- openapi > docs/openapi.json

deny: ## advisories, licences and sources of all dependencies
	$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check

docker: ## the container image
	docker build -f deploy/Dockerfile -t portcullis .
