#!/usr/bin/env bash
# Gives each parser of outside bytes FUZZ_SECONDS (60) under libFuzzer, from the checked-in corpus.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${FUZZ_SECONDS:-60}
# libFuzzer is to see a trap first, and keep the input that led to it.
export WHERRY_FUZZ=1 SWIFT_BACKTRACE=enable=no
# A scratch path apart: everything is built with the sanitizer's counters.
swift build --scratch-path build/fuzz -Xswiftc -sanitize=fuzzer -Xswiftc -parse-as-library --product fuzz
for corpus in Tests/Fuzz/corpus/*/; do
    target=$(basename "$corpus")
    work=build/fuzz/found/$target
    mkdir -p "$work"
    echo "fuzz: $target for $seconds s"
    FUZZ_TARGET=$target build/fuzz/debug/fuzz "$work" "$corpus" -max_total_time="$seconds" -max_len=65536 \
        -rss_limit_mb=2048 -timeout=10 -verbosity=0 -print_final_stats=1 -artifact_prefix="$work/crash-"
done
echo "fuzz: nothing found"
