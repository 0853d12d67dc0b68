# The commands of this repository. `make` alone lists them.
#
# Overridable: DATA (data directory), LISTEN and TLS_LISTEN (HOST:PORT), FLAGS (more flags for
# `easel serve`), BUILD_DIR (where SwiftPM builds), FILTER (a regular expression of test names),
# FUZZ_TARGET (names of Fuzzing/Corpora, all by default), FUZZ_SECONDS (for each, 60 by default).

DATA ?= ./data
LISTEN ?= 127.0.0.1:8080
TLS_LISTEN ?= 127.0.0.1:8443
FLAGS ?=
FILTER ?=
FUZZ_TARGET ?=
BUILD_DIR ?= .build

# Every call of swift takes these. A change of them rebuilds everything, so all targets share them.
# The import check refuses an import that Package.swift does not list as a dependency.
SWIFT_FLAGS ?= --scratch-path $(BUILD_DIR) --explicit-target-dependency-import-check error

# One file to copy, and a few megabytes less resident than with the shared libraries.
RELEASE_FLAGS ?= --configuration release --static-swift-stdlib

SOURCES := Package.swift $(wildcard Sources Tests Benchmarks Fuzzing)
RELEASE := $(BUILD_DIR)/release

.DEFAULT_GOAL := help
.PHONY: help run build test lint format openapi bench fuzz clean dependencies tools

help: ## Lists these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Installs what is missing, builds, starts the server on ./data
	@mkdir -p -m 700 $(DATA)
	@echo "Sign-in of the first start: $(DATA)/bootstrap.json   Stop with Ctrl-C."
	@exec $(RELEASE)/easel serve --data $(DATA) --listen $(LISTEN) \
	    --tls-listen $(TLS_LISTEN) --tls-self-signed \
	    --bootstrap-output $(DATA)/bootstrap.json $(FLAGS)

build: dependencies ## Builds easel and easel-agent as release
	swift build $(SWIFT_FLAGS) $(RELEASE_FLAGS) --product easel
	swift build $(SWIFT_FLAGS) $(RELEASE_FLAGS) --product easel-agent

test: tools ## Runs all tests (FILTER=name runs some)
ifneq ($(FILTER),)
	swift test $(SWIFT_FLAGS) --disable-xctest --filter '$(FILTER)'
else
	swift test $(SWIFT_FLAGS) --disable-xctest --no-parallel --skip '^SystemTests\.'
	@# Those start processes and wait for them; beside hundreds of others they would wait for a core.
	timeout 900 swift test $(SWIFT_FLAGS) --disable-xctest --no-parallel --skip-build --filter '^SystemTests\.'
endif

lint: tools ## Checks the format and the rules of the source text
	swift format lint --strict --recursive --parallel $(SOURCES)
	swift test $(SWIFT_FLAGS) --disable-xctest --filter '^TidyTests\.'

format: ## Formats all Swift files in place
	swift format --in-place --recursive --parallel $(SOURCES)

openapi: dependencies ## Writes openapi/*.json from the endpoints
	swift build $(SWIFT_FLAGS) --product easel
	$(BUILD_DIR)/debug/easel openapi --output openapi

bench: tools ## Measures the server beside nginx (a few minutes; let the machine be idle)
	swift build $(SWIFT_FLAGS) $(RELEASE_FLAGS)
	$(RELEASE)/easel-bench

fuzz: dependencies ## Looks for inputs that break a parser (FUZZ_TARGET=name looks at one)
	scripts/fuzz $(FUZZ_TARGET)

clean: ## Removes what was built (never the data directory)
	rm -rf $(BUILD_DIR)

dependencies:
	@scripts/install-dependencies build

tools:
	@scripts/install-dependencies build tools
