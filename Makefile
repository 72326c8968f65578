# Countersign. `make test` is what CI runs; every other target is a part of it or a convenience.
# CI=true: nothing may be skipped, because .ci/run has installed every tool that a test needs.

GO     ?= go
export GOTOOLCHAIN ?= local

.PHONY: build dev test unit e2e screenshots bench bench-peers fuzz docs

build: ## the static binary, bin/countersign
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/countersign ./cmd/countersign

dev: ## serve both protocols on this machine
	$(GO) run ./cmd/countersign dev

test: ## everything: vet, unit tests with the race detector, the real binary from outside
	@sh scripts/test.sh all

unit: ## vet and unit tests only
	@sh scripts/test.sh unit

e2e: ## the real binary from outside only
	@sh scripts/test.sh e2e

screenshots: ## docs/screenshots, remade from a running `countersign dev` in Chromium
	COUNTERSIGN_SCREENSHOTS=docs/screenshots $(GO) test -count=1 -timeout 10m -run InABrowser ./e2e

bench: ## every figure of docs/benchmarks.md but search; SECTION="decide sdk": these only (scripts/bench.sh lists them)
	@sh scripts/bench.sh $(SECTION)

bench-peers: ## beside nginx, HAProxy, Caddy and a bare reverse proxy, where they are installed; ARGS="-workloads get -rounds 3"
	cd bench && $(GO) run ./peers -write ../docs/benchmarks.md $(ARGS)

fuzz: ## every fuzz target for FUZZTIME (10s)
	@sh scripts/fuzz.sh

docs: ## rewrite the tables that are made from the code
	$(GO) test ./internal/edge/problem -update
	$(GO) test ./internal/config -run Reference -update
	$(GO) test ./internal/explain -run Matrix -update
	$(GO) test ./cmd/countersign -run Reference -update
	$(GO) generate ./api
	$(GO) test ./internal/edge/admin -run Reference -update
