# Entry points for people and for CI; `make` alone lists them.

# An ordinary user's PATH on Debian lacks the folder of mariadbd, and make may run where the shell's
# start-up files, which add cargo's folder, were not read.
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/sbin:/sbin
# The lock file is part of the project: a build that would change it fails.
CARGO := cargo --locked
CARGO_DENY := 0.20.2

.DEFAULT_GOAL := help
.PHONY: help demo build check test bench fuzz gate kills chaos corpus fmt deny clean image packages mysql deny-installed rust-tests

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: packages ## Install what is missing, build, and watch a cluster scale from 1 to 3 shards
	$(CARGO) run --profile demo --package cli --bin sql-autoscaler -- demo

build: packages ## Build target/demo/sql-autoscaler, optimised but quick to build
	$(CARGO) build --profile demo --package cli --bin sql-autoscaler

check: ## Formatting and lints, without servers
	cargo fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

# The tests come last, so that their verdict is what the output ends with.
# Advisories are left to `make deny`: they change from day to day and come from elsewhere.
test: packages mysql $(if $(CI),deny-installed) ## Install what is missing and run every check that CI runs
	@.ci/install-packages python3-venv mariadb-dump
	$(MAKE) --no-print-directory check
	compose/prometheus/check
	dashboards/build --check
	@if cargo deny --version >/dev/null 2>&1; then \
		echo "cargo deny --locked check bans licenses sources"; \
		cargo deny --locked --log-level error check --hide-inclusion-graph bans licenses sources; \
	else \
		echo "make: no cargo-deny, licences and sources are not checked ('make deny' installs it)" >&2; \
	fi
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items
	@if .ci/has-doc-tests; then echo "$(CARGO) test --workspace --doc" && $(CARGO) test --workspace --doc; fi
	@.ci/with-docker .ci/with-memory-folder $(MAKE) --no-print-directory rust-tests

# Within .ci/with-docker. Stand-ins bear the names of official images, so they are made only where they harm nobody: in
# CI, or on an engine that was started for the tests.
rust-tests:
	@if test -n "$$CI$$SQL_AUTOSCALER_OWN_ENGINE"; then .ci/stand-ins/build; fi
	.ci/run-tests

image: ## Build the image sql-autoscaler:latest, for compose/ (needs Docker)
	DOCKER_BUILDKIT=1 docker build --file compose/Dockerfile --tag sql-autoscaler:latest \
		$$(if test -e /etc/ssl/certs/ca-certificates.crt; then echo --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt; fi) .

# The profile of `make build`, so that what is measured is what people run.
bench: ## Print the figures that the README names (5 minutes after the build): FIGURES="copy cutovers" for some
	@.ci/install-packages sysbench wrk mariadb-dump
	$(CARGO) bench --profile demo --package cli --bench figures -- $(FIGURES)

fuzz: packages ## Compare random SELECTs over shards with one server: COUNT=20000 SEED=1, FUZZ_MYSQL=1 for MySQL
	FUZZ_STATEMENTS=$(or $(COUNT),20000) FUZZ_SEED=$(or $(SEED),$(shell date +%s)) \
		$(CARGO) test --package cli --test it differential::random -- --nocapture

gate: packages ## Try to get around the gate, with random statements: COUNT=20000 SEED=1
	GATE_STATEMENTS=$(or $(COUNT),20000) GATE_SEED=$(or $(SEED),$(shell date +%s)) \
		$(CARGO) test --package cli --test it gate:: -- --nocapture --test-threads 2

kills: packages ## Kill routers and servers in the middle of transactions: COUNT=100 SEED=1 (rounds of each of four tests)
	COMMIT_KILLS=$(or $(COUNT),100) COMMIT_SEED=$(or $(SEED),$(shell date +%s)) \
		$(CARGO) test --package cli --test it commits::a_killed -- --nocapture --test-threads 1

chaos: packages ## Kill and cut off everything at every step of a move: COUNT=29 SEED=1 (cases of each of four tests), SOAK=120 (seconds of each of two)
	MOVE_KILLS=$(or $(COUNT),29) MOVE_SEED=$(or $(SEED),$(shell date +%s)) MOVE_SOAK_SECONDS=$(or $(SOAK),120) \
		$(CARGO) test --package cli --test it moves::crashes -- --nocapture --test-threads 1

corpus: ## Read and plan every statement of MariaDB's own tests (fetches 20 MB from Debian)
	@mkdir -p target/corpus
	cd target/corpus && apt-get download mariadb-test-data && dpkg-deb -x mariadb-test-data_*.deb .
	SQL_CORPUS=$(CURDIR)/target/corpus $(CARGO) test --package router --lib a_corpus -- --nocapture

fmt: ## Format the code
	cargo fmt --all

deny: deny-installed ## Licences, sources and advisories of the dependencies (fetches the advisories)
	cargo deny --locked check

clean: ## Remove what was built
	cargo clean

packages:
	@.ci/install-packages

# CI must not pass without the MySQL tests; elsewhere they may be skipped, aloud.
mysql: packages
	@.ci/install-mysql >/dev/null || { \
		echo "make: no MySQL for the tests, those that need it will be skipped" >&2; \
		test -z "$$CI"; }

# Compiled from source in minutes, so only CI and those who ask for it wait for that. Its own profile optimises over all
# of its crates at once, for a program that here runs for a second.
deny-installed: packages
	@cargo deny --version >/dev/null 2>&1 || CARGO_PROFILE_DEV_DEBUG=false CARGO_INCREMENTAL=0 \
		cargo install --debug --locked --version $(CARGO_DENY) cargo-deny
