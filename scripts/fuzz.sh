#!/usr/bin/env bash
# Fuzzes targets of rust/fuzz. Usage: scripts/fuzz.sh SECONDS [TARGET...]; without targets, each in turn.
# With SECONDS 0 they are only built.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=$1
shift
[ $# -gt 0 ] || set -- message reading rewrite inspect secrets schema sse lines
if [ ! -x .parts/cargo/bin/cargo-fuzz ]; then
    echo "building cargo-fuzz into .parts"
    cargo install --quiet --locked --root .parts/cargo cargo-fuzz --version =0.13.2
fi
export PATH="$PWD/.parts/cargo/bin:$PATH" CARGO_TARGET_DIR="$PWD/target/fuzz"
cd rust/fuzz
if [ "$seconds" = 0 ]; then
    exec cargo +nightly fuzz build --fuzz-dir .
fi
for target in "$@"; do
    dictionary=mcp.dict
    [ ! -f "$target.dict" ] || dictionary=$target.dict
    mkdir -p "corpus/$target" "seeds/$target"
    cargo +nightly fuzz run --fuzz-dir . "$target" "corpus/$target" "seeds/$target" -- \
        -rss_limit_mb=1024 -max_total_time="$seconds" -max_len=4096 -timeout=10 \
        -dict="$dictionary" -print_final_stats=1
done
