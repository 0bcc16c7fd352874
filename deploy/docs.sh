#!/usr/bin/env bash
# The API documentation of every module, as one static site: docs.sh OUTPUT_DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
output=${1:?usage: docs.sh OUTPUT_DIRECTORY}
graphs=$(mktemp -d)
trap 'rm -rf "$graphs"' EXIT
swift build --product wherry
modules=.build/debug/Modules
rm -rf "$output"
mkdir -p "$output"
for source in Sources/*/; do
    name=$(basename "$source")
    [ -e "$modules/$name.swiftmodule" ] || continue # C modules have no Swift interface
    mkdir -p "$graphs/$name"
    # The C shims' module maps are found where the compiler found them.
    includes=()
    for map in Sources/C*/module.modulemap Sources/C*/include; do includes+=(-I "$(dirname "$map")"); done
    swift symbolgraph-extract -module-name "$name" -I "$modules" "${includes[@]}" -Xcc -ISources/CLinux/include \
        -target x86_64-unknown-linux-gnu -minimum-access-level public -output-dir "$graphs/$name" || continue
    docc convert --fallback-display-name "$name" --fallback-bundle-identifier "dev.wherry.$name" \
        --additional-symbol-graph-dir "$graphs/$name" --output-path "$output/$name" >/dev/null
    echo "$output/$name"
done
