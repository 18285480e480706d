# make test       what every change must pass, in release mode, because some tests simulate a lot
# make quick      a part of the tests, built fast: make quick ARGS='--lib scheduler'
# make test-slow  the tests that take longer; run them before a release
# make check      formatting, lints, documentation and tests, as CI runs them
.PHONY: test quick test-slow lint doc bench fidelity validity modes gallery profile instructions scale mutants fuzz dist
.PHONY: check

test:
	cargo test --release --lib --bins --tests --examples -- --nocapture --quiet
	cargo test --release --doc

quick:
	cargo test --profile quick $(ARGS)

test-slow:
	tests/packages.sh parallel slurm postgresql chromium jq qemu
	$(MAKE) test
	cargo test --release --lib --bins --tests --no-fail-fast -- --ignored --nocapture --skip timing --skip fuzz_for_a_while --skip write_the_sample_files
	cargo test --release --tests -- --ignored --nocapture --test-threads 1 timing
	$(MAKE) fidelity
	$(MAKE) validity

lint:
	cargo fmt --check
	cargo clippy --release --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps

check: lint doc test

bench:
	cargo bench

# Compares the simulator with recordings of the running gateway and writes docs/fidelity.md. With RUNS=DIR it takes the
# recordings from another folder and writes nothing.
fidelity:
	cargo run --release --quiet --example fidelity -- $(if $(RUNS),--runs $(RUNS),--write docs/fidelity.md --notes docs/fidelity-notes.md)

# Measures how often intervals, verdicts and searches are right, and writes docs/validity.md. EXPERIMENTS=100 is a quick
# look that writes nothing.
validity:
	cargo build --release --quiet
	cargo run --release --quiet --example validity -- --program target/release/stickysim \
	  $(if $(EXPERIMENTS),--experiments $(EXPERIMENTS),--write docs/validity.md)

# Measures the three modes on every shipped scenario, into docs/guide/modes.md.
modes:
	cargo build --release --quiet
	cargo run --release --quiet --example modes -- --program target/release/stickysim --write docs/guide/modes.md

# Draws the pictures of docs/guide/gallery.md again, with the program itself.
gallery:
	cargo build --release
	docs/gallery/draw.sh

# Counts the instructions of a request by room: the table of docs/reference/performance.md. Needs valgrind and jq.
profile:
	cargo build --profile profiling
	benches/profile.sh

# Compares the instructions of whole commands with benches/instructions.txt, which UPDATE=1 writes again. Needs valgrind.
# The program is the one that the tests build, so that CI builds it once.
instructions:
	cargo test --release --no-run --quiet --test cli
	benches/instructions.sh

# Measures how time and memory grow with the work: the tables of docs/reference/performance.md. Takes ten minutes.
scale:
	cargo build --release --quiet
	benches/scale.sh

# Changes the code in one place after another and says which changes the unit tests notice: one change of 60, or
# SHARD=k/n. Needs cargo-mutants, and hours.
mutants:
	cargo mutants --profile quick -C=--lib --sharding round-robin --shard $(or $(SHARD),17/60) \
	  -f 'src/scheduler/**' -f 'src/measure/**' -f 'src/experiment/stats/**' -f 'src/simulation/lower/**'

# Tries hostile inputs for FUZZ_SECONDS (60 unless set). FUZZ_SEED repeats a run.
fuzz:
	cargo test --release --test fuzz -- --ignored --nocapture fuzz_for_a_while

# Builds the archives of a release in target/archives, for this machine's processor or for TARGETS.
dist:
	dist/build.sh $(TARGETS)
