# make test is what CI runs: everything, including what it takes to install it.

SHELL    := /bin/bash
GO       ?= go
FUZZTIME ?= 3s
BENCH    ?= .
PKG      ?= ./...
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

# Where scripts/setup puts Node.js when the system's is too old.
export PATH := $(CURDIR)/.bin/node/bin:$(PATH)

.PHONY: all build setup lint vet unit fuzz e2e conformance test bench bench-report generate clean

all: build

build: ## the static binary bin/penstock
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/penstock ./cmd/penstock

setup: ## install what the tests need
	scripts/setup

vet:
	$(GO) vet ./...

lint: vet ## vet, golangci-lint, sizes of files, generated files current
	.bin/golangci-lint run ./...
	scripts/check-sizes
	scripts/check-generated

unit: ## all Go tests under the race detector but those with real clients; fuzz seeds and leak checks are among them
	$(GO) test -race -timeout 8m $$($(GO) list $(PKG) | grep -vE '/test/(codes|e2e|refusals)$$')

fuzz: ## every fuzz target for FUZZTIME (make fuzz FUZZTIME=10m)
	scripts/fuzz $(FUZZTIME) $(PKG)

e2e: ## real clients against the real binary, built with the race detector
	PENSTOCK_E2E=1 PENSTOCK_E2E_RACE=1 $(GO) test -p 1 -count=1 -timeout 10m -v ./test/codes ./test/e2e ./test/refusals

conformance: build ## judges RTMP servers and clients and writes docs/conformance
	scripts/conformance-servers
	scripts/conformance-clients

bench: ## make bench BENCH=Decode PKG=./amf
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)

bench-report: build ## measure the server beside others and renew the tables of docs/performance.md (half an hour; RUNS=1 for a look)
	scripts/bench-report

generate:
	$(GO) generate ./...

# One after the other, whatever -j says: timing tests want the machine for themselves.
test: setup
	$(MAKE) --no-print-directory lint
	$(MAKE) --no-print-directory unit
	$(MAKE) --no-print-directory fuzz
	$(MAKE) --no-print-directory e2e
	@echo "make test: all passed"

clean:
	rm -rf bin
