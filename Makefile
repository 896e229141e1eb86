# Everything a change has to pass, and the tools around it. `make help` lists the targets.
#
# CGO is off but for the race detector: the product must build without a C compiler.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
GO          ?= go
export CGO_ENABLED ?= 0

# What another program may embed: must build on every desktop and server platform.
EMBEDDABLE := $(foreach p,usage internal/civil internal/strictjson quota rollup wal engine,$(if $(wildcard $(p)/*.go),./$(p)))
PLATFORMS  := darwin/arm64 windows/amd64

# fuzz: time per target. fuzz, microbench: which packages. bench: which workload (W=list names
# them) and more flags, as in ARGS="-full -runs 1". crash: rounds of each loop; sim: seeds; linear and torture: how long.
TIME ?= 30s
PKG  ?= ./...
W    ?= ingest
ARGS ?=
SIM  ?= 1000
SEEDS ?= 1000
FOR  ?= 10m
MINUTES ?= 60

.DEFAULT_GOAL := help
.PHONY: help deps build check fmt vet staticcheck test race cross bench-build fuzz bench bench-report microbench sim linear torture crash mutants clean ui ui-check ui-deps ui-test ui-scale ts-check release

define say
@printf '\n== %s: %s\n' '$@' '$(1)'
endef

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

build: ## build bin/weir
	$(call say,bin/weir)
	$(GO) build -trimpath -o bin/weir ./cmd/weir

RELEASES := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
VERSION ?= $(shell git describe --tags --always --dirty)
release: ## static binaries into bin/release, with checksums and a bill of materials: make release VERSION=v1.2.3
	$(call say,$(VERSION) for $(RELEASES))
	rm -rf bin/release && mkdir -p bin/release
	@for p in $(RELEASES); do \
		out=bin/release/weir-$${p%/*}-$${p#*/}; echo $$out; \
		GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $$out ./cmd/weir || exit 1; \
	done
	$(GO) run ./internal/sbom bin/release/weir-linux-amd64 > bin/release/weir.cdx.json
	cd bin/release && sha256sum * > SHA256SUMS && cat SHA256SUMS

deps: ## install the Debian packages that the tests need, when they are missing
	$(call say,.ci/deps)
	.ci/deps

check: deps fmt vet staticcheck cross bench-build ui-check ui-test ts-check test race ## everything a change must pass
	@printf '\n== check: all passed\n'

fmt: ## gofmt has nothing to say
	$(call say,gofmt -l)
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then printf 'run gofmt -w on:\n%s\n' "$$out"; exit 1; fi

vet: ## go vet
	$(call say,go vet ./...)
	$(GO) vet ./...

staticcheck: bin/staticcheck ## staticcheck, at the version pinned in tools/go.mod
	$(call say,staticcheck ./... and bench)
	bin/staticcheck ./...
	cd bench && ../bin/staticcheck ./...

bin/staticcheck: tools/go.mod tools/go.sum
	@mkdir -p bin
	$(GO) build -C tools -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck

# Packages start in the order given: the longest first, or one of them is still running when all others have ended.
LONGEST := ./wal ./engine ./internal/e2e
test: ## all tests without CGO, with the allocation counts, the fuzz seeds and internal/tidy
	$(call say,go test ./...)
	$(GO) test -timeout 15m $(LONGEST) ./...

# These start the binary, which is built as it is shipped: the detector would watch the test only.
PROCESSES := internal/(e2e|linear|torture|mutants)$$
race: ## the tests under the race detector, but for those that start processes; needs a C compiler
	$(call say,go test -race)
	CGO_ENABLED=1 $(GO) test -race -short -timeout 20m $$($(GO) list $(LONGEST) ./... | grep -vE '$(PROCESSES)')

cross: ## vet what can be embedded for the other platforms
	$(call say,vet for $(PLATFORMS))
	@for p in $(PLATFORMS); do \
		echo "GOOS=$${p%/*} GOARCH=$${p#*/} go vet $(EMBEDDABLE)"; \
		GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) vet $(EMBEDDABLE); \
	done

bench-build: ## the modules beside the main one, bench and examples, vet, build and pass their tests
	$(call say,vet and test bench and examples)
	$(GO) vet -C bench ./...
	$(GO) test -C bench ./...
	$(GO) vet -C examples ./...
	$(GO) test -C examples ./...
	$(GO) vet -C examples/cloudevents ./...
	$(GO) test -C examples/cloudevents ./...
	$(GO) vet -C httpapi/tracing ./...
	$(GO) test -C httpapi/tracing ./...

TS := clients/typescript
ts-check: build ## the TypeScript client, built from the OpenAPI document of this tree and tested against its server
	$(call say,$(TS) against bin/weir)
	bin/weir openapi > $(TS)/openapi.json
	cd $(TS) && npm ci --ignore-scripts --no-audit --no-fund && npm run --silent build && TEST_WEIR=$(CURDIR)/bin/weir npm test

UI := httpapi/ui/web

ui-deps: $(UI)/node_modules/.package-lock.json

$(UI)/node_modules/.package-lock.json: $(UI)/package-lock.json
	cd $(UI) && npm ci --ignore-scripts --no-audit --no-fund

ui: ui-deps ## build the pages of the dashboard and the portal into httpapi/ui/dist, which is committed
	$(call say,$(UI) into httpapi/ui/dist)
	cd $(UI) && npm run --silent build

ui-check: ui-deps ## the pages' code: its tests, the fields it reads are those of the API, the committed pages are a fresh build
	$(call say,a fresh build equals httpapi/ui/dist)
	cd $(UI) && npm run --silent test && npm run --silent build
	$(GO) run ./cmd/weir openapi > $(UI)/contract/openapi.json
	node $(TS)/generate.mjs $(UI)/contract/openapi.json $(UI)/contract/api.ts
	cd $(UI) && npm run --silent contract
	@git status --porcelain -- httpapi/ui/dist | (! grep .) || { echo "httpapi/ui/dist is not what the source builds: run make ui and commit it"; exit 1; }

ui-test: ui-deps ## the pages in a real Chromium; ARTIFACTS=dir keeps a picture of each
	$(call say,the pages in chromium)
	$(GO) test ./internal/e2e -run '^TestUI$$' -count=1 -timeout 25m -v

ui-scale: ui-deps build ## the pages over 10,000 tenants and 10 M events, on a quiet machine; TENANTS, EVENTS
	$(call say,the pages over a big store)
	cd $(UI) && BINARY=$(CURDIR)/bin/weir node e2e/scale.mjs

fuzz: ## run every FuzzX for TIME each: make fuzz TIME=30s PKG=./wal
	$(call say,every fuzz target in $(PKG) for $(TIME))
	@for pkg in $$($(GO) list $(PKG)); do \
		list=$$($(GO) test -list '^Fuzz' $$pkg) || { echo "$$list"; exit 1; }; \
		for f in $$(grep '^Fuzz' <<<"$$list" || true); do \
			echo "$$pkg $$f"; \
			$(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(TIME) $$pkg; \
		done; \
	done

bench: ## run a workload of bench/: make bench W=redis ARGS="-runs 1"
	$(call say,workload $(W))
	cd bench && $(GO) run . $(ARGS) $(W)

bench-report: ## write the tables and plots of docs/BENCHMARKS.md from the reports of make bench
	$(call say,docs/BENCHMARKS.md)
	cd bench && $(GO) run . page $(ARGS)

microbench: ## the benchmarks beside the code: make microbench PKG=./wal
	$(call say,go test -bench . on $(PKG))
	$(GO) test -run '^$$' -bench . -benchmem $(PKG)

sim: ## the simulator: whole engines under random work and faults, SEEDS runs (20 minutes with 1,000)
	$(call say,$(SEEDS) runs of the simulator)
	$(GO) test ./internal/sim -run '^TestSim$$' -count=1 -timeout 120m -v -sim.seeds=$(SEEDS)

linear: ## are decisions linearizable through kill -9: porcupine over histories of FOR: make linear FOR=10m
	$(call say,histories of $(FOR))
	$(GO) test ./internal/linear -run TestLinearizable -count=1 -timeout 90m -v -linear.for=$(FOR)

torture: deps ## the real binary on a real disk while everything goes wrong, for MINUTES; root and strace for all of it
	$(call say,$(MINUTES) minutes)
	$(GO) test ./internal/torture -run TestTorture -count=1 -timeout $$(($(MINUTES) + 60))m -v -torture.for=$(MINUTES)m -torture.clock -torture.disk=16384

crash: ## crash loops: power cuts and I/O errors, SIM rounds of the engine's (20 minutes with 1,000)
	$(call say,$(SIM) rounds of every crash loop)
	$(GO) test ./engine ./wal -run 'Crash|PowerCut|IOError|TwoFolds|Everything' -count=1 -timeout 30m -v -sim.rounds=$(SIM)

mutants: ## plant every bug of internal/mutants and see that a test finds it
	$(call say,planted bugs)
	$(GO) test ./internal/mutants -count=1 -timeout 60m -v -mutants.all

clean: ## remove what was built
	rm -rf bin bench/out
