#!/usr/bin/env bash
# Things that must not appear, each with its reason. Prints every hit and fails.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
status=0
ban() { # reason pattern pathspec...
    local reason=$1 pattern=$2
    shift 2
    if git grep -nE --untracked "$pattern" -- "$@" | grep -vE "${allowed:-^$}"; then
        echo "banned: $reason" >&2
        status=1
    fi
}
ban "import Foundation brings 44 MB of ICU; FoundationEssentials at most" '^\s*(@\w+ )?(public |internal )?import Foundation\s*$' 'Sources/*.swift'
ban "FoundationEssentials stays out of the runtime path" 'import FoundationEssentials' 'Sources/Linux' 'Sources/OCI' 'Sources/JSON' 'Sources/Cgroups' 'Sources/ContainerRuntime'
ban "the runtime path touches neither Dispatch nor NIO" 'import (Dispatch|NIO)' 'Sources/Linux' 'Sources/OCI' 'Sources/JSON' 'Sources/Cgroups' 'Sources/ContainerRuntime'
ban "try! traps on an error that should be reported" '\btry!' 'Sources/*.swift'
ban "as! traps on a value that should be checked" '\bas!' 'Sources/*.swift'
# The pause between two looks at a condition that has a deadline says so.
allowed='// (poll|the deadline)$' ban "a test waits for a condition with a deadline, never for the clock" '\b(sleep|usleep|Task\.sleep)\(' 'Tests/*Tests/*.swift'
ban "a free task belongs to nobody; use a Service or a task group" '\bTask\.detached\b' 'Sources/*.swift'
ban "names that say nothing" '\b(class|struct|enum|actor|protocol) [A-Za-z]*(Utils|Helper|Helpers|Common|Manager)\b' 'Sources/*.swift'
if find Sources -mindepth 1 -maxdepth 1 -type d | grep -E '(Utils|Helpers|Common|Manager)$'; then
    echo "banned: target names that say nothing" >&2
    status=1
fi
for module in Sources/*/; do
    module=$(basename "$module")
    if git grep -nE --untracked "\\b(class|struct|enum|actor|protocol|typealias) $module\\b" -- "Sources/$module/*.swift"; then
        echo "banned: a type with the name of its module hides the module in qualified names" >&2
        status=1
    fi
done
# Concurrency's escape hatches only ever fall; each carries a comment that names its lock.
limit=$(python3 -c 'import json; print(json.load(open("bench/limits.json"))["unchecked_sendable"])')
count=$(git grep -hE --untracked '@unchecked Sendable|nonisolated\(unsafe\)' -- 'Sources/*.swift' | wc -l)
if [ "$count" -gt "$limit" ]; then
    echo "banned: $count uses of @unchecked Sendable or nonisolated(unsafe), the limit in bench/limits.json is $limit" >&2
    status=1
fi
[ $status -eq 0 ] && echo "banned list: nothing found"
exit $status
