# What CI runs is here, under the same names. `make` alone explains.
SHELL := /bin/bash
.DEFAULT_GOAL := help

BIN := $(CURDIR)/bin
VERSION ?= v1.36.3+proa
COMMIT := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
TREE := $(shell test -z "$$(git status --porcelain 2>/dev/null)" && echo clean || echo dirty)
# The date of the commit, not of the build: the same sources give the same bytes.
DATE := $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null || echo 1970-01-01T00:00:00Z)
STAMP := k8s.io/component-base/version
LDFLAGS := -s -w -X $(STAMP).gitVersion=$(VERSION) -X $(STAMP).gitMajor=1 -X $(STAMP).gitMinor=36 \
	-X $(STAMP).gitCommit=$(COMMIT) -X $(STAMP).gitTreeState=$(TREE) -X $(STAMP).buildDate=$(DATE)
GOBUILD := go build -buildvcs=false -ldflags "$(LDFLAGS)"
PROA := $(BIN)/proa
# Programs, vet and tests share what the compiler has made, in whatever directory the checkout is.
export GOFLAGS := $(strip $(GOFLAGS) -trimpath)
export CGO_ENABLED := 0

.PHONY: help
help: ## Explain the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: setup
setup: ## Install the Debian packages that building, testing and running need (as root)
	go run ./hack/setup

.PHONY: build
build: ## Build all our programs and the images every cluster needs into bin/ (needs tools)
	@mkdir -p $(BIN)
	$(GOBUILD) -o $(BIN)/ ./cmd/...
	go run ./hack/images -bin $(BIN)

.PHONY: tools
tools: ## Build containerd, its shim, the CNI plugins and CoreDNS into bin/, pinned by hack/tools/go.mod
	go run -C hack/tools ./build -o $(BIN)

.PHONY: images
images: ## Build the test images (nginx, python, busybox, redis) out of Debian packages into bin/images/
	go run ./test/images/build -o $(BIN)/images

.PHONY: all
all: tools build images ## Everything that can be built

.PHONY: up
up: setup tools build ## Install what is needed, build, and start a cluster on this machine
	$(PROA) up

.PHONY: down
down: ## Take the cluster down
	$(PROA) down

.PHONY: test
test: ## Unit tests with the race detector, of every module (needs tools, build)
	CGO_ENABLED=1 go test -race ./pkg/... ./cmd/... ./hack/... ./test/conformance/... ./test/faults/journal $$(go list ./test/images/... 2>/dev/null)
	@set -e; for mod in staging/*/go.mod; do [ -e $$mod ] || continue; (cd $$(dirname $$mod) && CGO_ENABLED=1 go test -race ./...); done

.PHONY: integration
integration: ## Whole API servers and controllers inside Go tests
	CGO_ENABLED=1 go test -race -timeout 20m ./test/integration/...

.PHONY: e2e
e2e: ## Tests against a real cluster with real pods (as root; needs all)
	go test -p 1 -timeout 30m -count=1 ./test/e2e/...

CONFORMANCE := go run ./test/conformance/cmd/conformance

.PHONY: conformance
conformance: ## The official conformance suite (as root; needs tools, build). FOCUS= SIG= EVERY=1 PROCS= NODES= RERUN=failed KEEP=1 UPSTREAM=
	$(CONFORMANCE) run --focus "$$FOCUS" --sig "$$SIG" --procs $${PROCS:-8} --nodes $${NODES:-3} --rerun "$$RERUN" \
		--upstream "$$UPSTREAM" $(if $(EVERY),--every) $(if $(KEEP),--keep)

.PHONY: conformance-ci
conformance-ci: ## A stable and quick part of the conformance suite, of every SIG (as root; needs tools, build)
	$(CONFORMANCE) run --list test/conformance/ci.txt

.PHONY: conformance-compare
conformance-compare: ## How long each spec took in our last run against upstream's last (make conformance UPSTREAM=1)
	$(CONFORMANCE) compare

.PHONY: conformance-readme
conformance-readme: ## Write the last full results into test/conformance/README.md
	$(CONFORMANCE) report --write-readme

.PHONY: planted
planted: ## Put known faults into the controllers, one at a time, and show that the histories find each
	go run ./test/histories/planted

.PHONY: walk
walk: ## Long random walks over the controllers of workloads. SEEDS= STEPS= FIRST=
	go test -count=1 -timeout 60m -run 'TestWalk$$' ./test/histories -seeds $${SEEDS:-20} -steps $${STEPS:-500} -first-seed $${FIRST:-0}

.PHONY: storm
storm: ## Odd objects of every kind, stored while everything runs and over two restarts. SEED= ROUNDS=
	CGO_ENABLED=1 go test -race -count=1 -timeout 30m -run TestStorm ./test/integration -storm.long -storm.seed $${SEED:-1} -storm.rounds $${ROUNDS:-1}

.PHONY: faults-build
faults-build:
	@mkdir -p $(BIN)/faults
	$(GOBUILD) -tags faults -o $(BIN)/faults/ ./cmd/proa ./cmd/proa-keeper ./cmd/node-init

FAULTS := go test -count=1 -v -timeout 8h ./test/faults

.PHONY: faults
faults: faults-build ## Kill a cluster under load, at any moment and at named points, and fill its disk (as root; needs all). FAULTS= SEED= KINDS=
	$(FAULTS) -faults $${FAULTS:-500} -seed $${SEED:-1} -kinds "$$KINDS" -leaks 6m

.PHONY: faults-ci
faults-ci: faults-build ## The same for two minutes: each kind of fault once (as root; needs all)
	$(FAULTS)

.PHONY: bench-start
bench-start: ## Measure five cold starts: the steps and the whole
	go run ./hack/benchstart -proa $(PROA) -n 5

.PHONY: generate
generate: ## Write the generated files anew
	go generate ./...

.PHONY: verify
verify: ## Formatting, vet, import rules, and that generated files are current
	@out="$$(gofmt -l cmd hack pkg staging test 2>/dev/null)"; if [ -n "$$out" ]; then echo "not formatted (mend: gofmt -w <file>):"; echo "$$out"; exit 1; fi
	go vet ./...
	go vet -C hack/tools ./build ./containerd ./coredns
	@before="$$(git status --porcelain)"; $(MAKE) --no-print-directory generate && after="$$(git status --porcelain)"; \
	if [ "$$before" != "$$after" ]; then echo "generated files were stale; commit what 'make generate' wrote:"; git status --short; exit 1; fi

CI_STEPS := tools build verify test integration images e2e faults-ci conformance-ci

.PHONY: ci
ci: ## What CI runs, with the time of each step
	@set -e; times=""; for step in $(CI_STEPS); do \
		start=$$SECONDS; $(MAKE) --no-print-directory $$step || { echo "make $$step failed after $$((SECONDS - start)) s; repeat it with: make $$step"; exit 1; }; \
		times="$$times$$(printf '%-16s %5d s' $$step $$((SECONDS - start)))\n"; \
	done; printf "$$times%-16s %5d s\n" all $$SECONDS
