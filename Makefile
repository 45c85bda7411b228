# SPDX-License-Identifier: Apache-2.0 OR MIT
# Each target is one line that calls what does it. `make check` and `make test` are what CI runs.
# ARGS is passed on: make test ARGS='-E "test(revoked)"', make demo ARGS=--check

SHELL := /bin/bash
BIN   := $(or $(CARGO_TARGET_DIR),target)/release
HA    := scripts/setup ha && cargo build --release --workspace --bins && exec $(BIN)/ha
BUF   := .tools/node_modules/.bin/buf

.DEFAULT_GOAL := help
.PHONY: help demo dist test chart fuzz sim check bench ha-lab ha-demo ha-test ha-short soak fmt proto openapi run clean-run

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

demo:  ## build and start the demonstration federation, from the EU root to the sectors
	@scripts/setup run && cargo build --release --bins && exec $(BIN)/charterd demo $(ARGS)

test:  ## run all tests on a private PostgreSQL and Redis
	@scripts/setup test && cargo run -q --bin harness -- $(ARGS)

chart:  ## render the Helm chart, check it for Kubernetes and for charterd, and try each alert
	@scripts/setup chart && cargo build -q --bin charterd && scripts/chart

fuzz:  ## ask a demonstration all that /openapi.json allows and does not (ARGS: examples of each operation, 100)
	@scripts/setup fuzz && cargo build -q --workspace --bins && scripts/fuzz $(ARGS)

dist:  ## the archive with both programs, their pages and bill of materials; ARGS=check runs the demo from it
	@scripts/setup dist && scripts/dist $(ARGS)

sim:  ## run SEEDS simulated federations (10000), or replay SEED=n with all that happens in it
	@SEEDS=$(or $(SEEDS),10000) SEED=$(SEED) cargo test -q -p charter-federation --test sim no_world -- --nocapture

check:  ## format, lints, docs, protocol compatibility, dependencies
	@scripts/setup check && scripts/check

bench:  ## measure the decision path
	@scripts/setup bench && cargo build --release --workspace --bins && exec $(BIN)/bench $(ARGS)

ha-lab:  ## start three sites with everything in them, to learn on; takes commands until Ctrl-C
	@$(HA) lab $(ARGS)

ha-demo:  ## kill the primary site under load and print what clients saw
	@$(HA) demo $(ARGS)

ha-test:  ## do faults to three sites under load and check the history (ARGS=--all for every fault)
	@$(HA) test $(ARGS)

ha-short:  ## the same from a debug build at a twentieth of the load: what clients were told is judged, and no time
	@scripts/setup ha && cargo build --workspace --bins && exec $(dir $(BIN))debug/ha test --untimed --load 5 $(ARGS)

soak:  ## load three sites for an hour with a fault now and then
	@$(HA) soak $(ARGS)

fmt:  ## format the code
	@cargo fmt --all

proto:  ## accept the present protocol as the baseline that `make check` compares with
	@scripts/setup proto && $(BUF) build proto --exclude-source-info --output proto/baseline.binpb

openapi:  ## accept the present description of the REST interface
	@description=$$(cargo run -q -p charter-server --bin charterd -- openapi) && printf '%s\n' "$$description" > schemas/openapi.json

run:  ## start one server with the site's own configuration
	@cargo run -q -p charter-server --bin charterd -- serve $(ARGS)

clean-run:  ## remove the demonstration's and the tests' leftovers in .run
	@for f in $$(find .run -name postmaster.pid 2>/dev/null); do if kill -0 "$$(head -n 1 $$f)" 2>/dev/null; then echo "still running: stop process $$(head -n 1 $$f) first" >&2; exit 1; fi; done; rm -rf .run
