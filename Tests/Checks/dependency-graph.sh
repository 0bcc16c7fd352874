#!/usr/bin/env bash
# The arrows between modules equal the checked-in list, so that a new arrow is a visible decision.
#   dependency-graph.sh [--update]
set -euo pipefail
cd "$(dirname "$0")/../.."
expected=Tests/Checks/dependency-graph.txt
actual=$(swift package describe --type json 2>/dev/null | python3 -c '
import json, sys
text = sys.stdin.read()
for target in sorted(json.loads(text[text.index("{"):])["targets"], key=lambda t: t["name"]):
    if target["type"] != "test":
        arrows = sorted(target.get("target_dependencies", []) + target.get("product_dependencies", []))
        print((target["name"] + ": " + " ".join(arrows)).rstrip())
')
if [ "${1:-}" = --update ]; then
    printf '%s\n' "$actual" >"$expected"
    exit 0
fi
if ! diff -u "$expected" <(printf '%s\n' "$actual"); then
    echo "the module graph changed: if the new arrow is meant, run $0 --update and say why in the commit" >&2
    exit 1
fi
echo "dependency graph: as listed"
