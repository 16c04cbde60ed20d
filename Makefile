# The commands of this house. `make demo` and `make test` need Rust and make, and fetch the rest.
# Everything but demo, soak, storm, sabotage and bench runs in the dev profile, so that a machine with
# two cores builds the dependencies once to check and once to run.

CARGO ?= cargo
# The faults are switches for tests, off until an environment variable names one.
FAULTS := --locked --features faults

.PHONY: help demo test fmt lint deny unit conformance soak storm sabotage bench tools

help:
	@echo "make demo       a whole city, alive in seconds (DEMO='--seconds 60 --json' stops by itself)"
	@echo "make test       all that must hold before a merge"
	@echo "make conformance  every call of the API document tried by schemathesis, as each role (CONFORMANCE_SECONDS=n)"
	@echo "make soak       kill -9 under load until 30,000 tickets were acknowledged (SOAK_TICKETS=n)"
	@echo "make storm      random panics at 50/s for 120 s under load (STORM_SECONDS=n)"
	@echo "make sabotage   breaks each promise on purpose and expects its test to notice"
	@echo "make bench      the speed table beside its ceilings (BENCH_SECONDS=n)"

demo: tools
	$(CARGO) build --release --locked
	./target/release/callout demo $(DEMO)

# The tests come last, so that what a run ends with is their closing lines.
test: fmt lint deny unit

fmt: tools
	$(CARGO) fmt --check

lint: tools
	$(CARGO) clippy --locked -- -D warnings
	$(CARGO) clippy --all-targets $(FAULTS) -- -D warnings

deny:
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny --locked check licenses bans sources; \
	else \
		echo "cargo deny: skipped, it is not installed here (cargo install --locked cargo-deny)"; \
	fi

# Unit, house-rule (tests/tidy.rs), journey, process, promise and doc tests.
unit: tools
	$(CARGO) test $(FAULTS)

# Python 3.11 or newer; its packages are pinned and stay in target/.
conformance: tools
	$(CARGO) build --locked
	@test -x target/conformance/bin/schemathesis || $${PYTHON:-python3} -m venv target/conformance
	@target/conformance/bin/python -m pip install --quiet --disable-pip-version-check -r tests/conformance/requirements.txt
	target/conformance/bin/python tests/conformance/run.py target/debug/callout

soak: tools
	$(CARGO) build --release --locked
	CALLOUT_BINARY=$(CURDIR)/target/release/callout CALLOUT_SOAK_TICKETS=$${SOAK_TICKETS:-30000} $(CARGO) test $(FAULTS) --test processes -- --nocapture

storm: tools
	CALLOUT_STORM_SECONDS=$${STORM_SECONDS:-120} $(CARGO) test $(FAULTS) --test promises -- storm --nocapture

sabotage: tools
	CARGO="$(CARGO)" bash tests/sabotage.sh

bench: tools
	CARGO="$(CARGO)" bash benches/run.sh

# A linker is all that Rust does not bring along.
tools:
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: see https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y build-essential; \
		else \
			echo "a C linker is missing: install gcc or clang (Debian: apt-get install build-essential)" >&2; exit 1; \
		fi; }
	@for part in fmt clippy; do \
		$(CARGO) $$part --version >/dev/null 2>&1 || rustup component add $$(echo $$part | sed s/^fmt/rustfmt/); \
	done
