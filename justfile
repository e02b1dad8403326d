# Each recipe is one to three plain lines, so nobody needs `just`: `just --list` is the table of contents.

# Everything that CI runs
check:
    tests/run

# The tests of the workspace alone
test:
    cargo test --workspace

# The simulation, the property tests and the reloads for long, optimised but with every assertion on
soak seeds="20000":
    RINGGATE_SEEDS={{seeds}} cargo test --profile checked --package ringgate --lib sim::
    PROPTEST_CASES=20000 cargo test --profile checked --package ringgate --test property
    RINGGATE_RELOADS=1000 cargo test --profile checked --package ringgate --test lifecycle

# Replay one seed of the simulation with its trace
replay seed test="sim::shard":
    RINGGATE_SEED={{seed}} cargo test --package ringgate --lib {{test}} -- --nocapture

# Coverage-guided fuzzing without nightly: `just fuzz template -max_total_time=600 corpus/template`
fuzz target *arguments:
    cd fuzz && RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares" cargo run --release --target x86_64-unknown-linux-gnu --bin {{target}} -- {{arguments}}

# The criterion benches
bench *arguments:
    cargo bench --package ringgate-bench -- {{arguments}}

# Ringgate beside nginx, HAProxy and Envoy (bench/README.md)
compare *arguments:
    cargo run --release --package ringgate-bench --bin peers -- {{arguments}}

# Licences, advisories, sources and banned crates (needs cargo-deny and the network)
deny:
    cargo deny check

# The manual and the reference file, written anew from the tables in src/model
manual:
    UPDATE=1 cargo test --test config
