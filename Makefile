# Wherry: the verbs. README says which two a newcomer needs; CONTRIBUTING says what the others are for.
SHELL := /bin/bash
.DEFAULT_GOAL := build
.PHONY: setup setup-run build run test lint format check docs bench size conformance e2e soak fuzz static clean

STATIC := build/wherry

setup: ## every package this tree needs, for building, running and testing
	@deploy/setup.sh all

setup-run:
	@deploy/setup.sh run

build:
	swift build

run: setup-run static ## hub, broker, agent and the example, until Ctrl-C
	@deploy/example/run.sh $(STATIC)

test: setup ## every unit and integration test
	swift build --build-tests
	timeout 1800 swift test --skip-build

lint:
	swift format lint --strict --parallel --recursive Package.swift Sources Tests
	shellcheck -x $$(git ls-files '*.sh') .ci/run

format:
	swift format --in-place --parallel --recursive Package.swift Sources Tests

check: setup lint ## lint, the dependency graph, the banned list
	@Tests/Checks/dependency-graph.sh
	@Tests/Checks/banned.sh

docs: ## API documentation, one archive a module
	@deploy/docs.sh build/docs

static: setup-run $(STATIC)

# SwiftPM decides what is stale; the target is phony in effect.
$(STATIC): FORCE
	@deploy/static/build-wherry.sh $@
FORCE:

size: static
	@python3 bench/size.py $(STATIC)

bench: setup static
	@python3 bench/bench.py $(STATIC)

e2e: setup static ## the shipped binary with the real clients; short forms of the long runs
	@Tests/EndToEndTests/run.sh $(STATIC)

conformance: setup static ## the OCI runtime specification, statement by statement: Wherry, crun and runc in each view of cgroups
	@Tests/RuntimeConformance/run.sh "$(STATIC) runtime" crun runc

soak: setup static ## the same with the long runs in full length
	@WHERRY_SOAK=1 GUEST=1 Tests/RuntimeConformance/run.sh "$(STATIC) runtime" crun runc
	@WHERRY_SOAK=1 Tests/EndToEndTests/run.sh $(STATIC)

fuzz: ## a minute for each parser of outside bytes (FUZZ_SECONDS=n for longer)
	@Tests/Fuzz/run.sh

clean:
	rm -rf .build build
