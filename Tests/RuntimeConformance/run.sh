#!/usr/bin/env bash
# Runs the conformance suite: run.sh [RUNTIME...] [-- pytest arguments]
#   RUNTIME is a command line: crun, runc, 'build/wherry runtime'. Default: wherry, crun and runc.
#   VIEWS='v1 v2' limits the cgroup views, FIRST_VIEW=1 to the first that a runtime accepts: for Wherry the machine's own.
#   A view is a private mount namespace; the machine's mounts stay as they are. GUEST=1 adds a guest with full cgroup v2.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
wherry="${WHERRY_BINARY:-$here/../../build/wherry} runtime"

runtimes=()
while (($#)); do
    [[ $1 == -- ]] && { shift; break; }
    runtimes+=("$1")
    shift
done
((${#runtimes[@]})) || runtimes=("$wherry" crun runc)

# Debian's pytest, where there is one: `make setup` installs it.
python=/usr/bin/python3
"$python" -c 'import pytest' 2>/dev/null || python=python3
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}"

layout() { # what this machine has: v1, hybrid or v2
    if [[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]]; then echo v2
    elif mountpoint -q /sys/fs/cgroup/unified; then echo hybrid
    else echo v1; fi
}

views() { # of a runtime: crun refuses the hybrid layout
    local machine; machine=$(layout)
    case $machine:$1 in
    v2:*) echo v2 ;;
    hybrid:crun | hybrid:runc) echo "v1 v2" ;;
    hybrid:*) echo "hybrid v1 v2" ;;
    v1:*) echo v1 ;;
    esac
}

in_view() { # VIEW COMMAND...
    local view=$1 change=:; shift
    if [[ $view != "$(layout)" ]]; then
        case $view in
        # crun makes groups where `unified` would be: not in the machine's own tmpfs.
        v1) change='umount /sys/fs/cgroup/unified && mount -t tmpfs none /sys/fs/cgroup/unified' ;;
        v2) change='umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup' ;;
        esac
    fi
    unshare -m --propagation private bash -c "$change"' && exec "$@"' bash "$@"
}

failed=0
summary=()
start=$PWD
cd "$here"
for runtime in "${runtimes[@]}"; do
    name=$(basename "${runtime%% *}")
    [[ ${runtime%% *} != */* ]] || runtime=$(cd "$start" && realpath "${runtime%% *}")${runtime#"${runtime%% *}"}
    for view in $(views "$name" | if [[ -n ${FIRST_VIEW:-} ]]; then cut -d' ' -f1; else cat; fi); do
        [[ " ${VIEWS:-$view} " == *" $view "* ]] || continue
        export RUNTIME=$runtime
        if [[ $name == crun || $name == runc ]] && ! reason=$(in_view "$view" "$python" "$here/runtime.py"); then
            summary+=("$(printf '%-8s %-7s cannot run here: %s' "$name" "$view" "$reason")")
            continue
        fi
        echo "== $name, $view"
        log=$(mktemp /tmp/conformance.XXXXXX)
        status=0
        in_view "$view" "$python" -m pytest -p no:cacheprovider -p deadline -q -rsfE "$@" 2>&1 | tee "$log" || status=$?
        summary+=("$(printf '%-8s %-7s %s' "$name" "$view" "$(tail -n 1 "$log" | tr -d =)")")
        rm -f "$log"
        ((status == 0)) || failed=1
    done
done
if [[ -n ${GUEST:-} ]]; then
    echo "== wherry, guest"
    log=$(mktemp /tmp/conformance.XXXXXX)
    "$python" "$here/guest.py" "${wherry% runtime}" 2>&1 | tee "$log" || failed=1
    summary+=("$(printf '%-8s %-7s %s' wherry guest "$(grep -E '[0-9]+ passed' "$log" | tail -n 1 | tr -d =)")")
    rm -f "$log"
fi
echo
printf '%s\n' "${summary[@]}"
exit $failed
