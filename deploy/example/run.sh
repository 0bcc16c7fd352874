#!/usr/bin/env bash
# `make run`: a hub with its broker, one device and the example workload on this machine, until Ctrl-C.
#   usage: run.sh WHERRY     WHERRY_PORT: the example's port (8080)   WHERRY_HOME: where to keep the data (a temporary
#   directory that goes away with the run)
set -euo pipefail
wherry=$(realpath "${1:?usage: run.sh WHERRY}")
here=$(cd "$(dirname "$0")" && pwd)
port=${WHERRY_PORT:-8080}

if [ "$(id -u)" -ne 0 ]; then
    echo "make run: containers need root; run it as root" >&2
    exit 1
fi
if [ -n "${WHERRY_HOME:-}" ]; then
    home=$WHERRY_HOME
    mkdir -p "$home"
else
    home=$(mktemp -d /tmp/wherry.XXXXXX)
fi
data=$home/data run=$home/run
up=

finish() {
    trap '' INT TERM
    if [ -n "$up" ]; then
        kill -TERM "$up" 2>/dev/null || true
        wait "$up" 2>/dev/null || true
    fi
    [ -n "${WHERRY_HOME:-}" ] || rm -rf "$home"
}
trap finish EXIT
trap 'exit 0' INT TERM

# The image: busybox and a link for each of its names. Nothing is downloaded.
root=$home/root
mkdir -p "$root"/{bin,www,tmp,etc}
cp /bin/busybox "$root/bin/busybox"
for name in $(busybox --list); do [ "$name" = busybox ] || ln -sf busybox "$root/bin/$name"; done
tar -C "$root" -cf "$home/root.tar" .
rm -rf "$root"

"$wherry" up --data-dir "$data" --run-dir "$run" >"$home/wherry.log" 2>&1 &
up=$!
for _ in $(seq 300); do
    grep -q '^wherry up: ready' "$home/wherry.log" 2>/dev/null && break
    if ! kill -0 "$up" 2>/dev/null; then
        cat "$home/wherry.log" >&2
        exit 1
    fi
    sleep 0.1
done
if ! grep -q '^wherry up: ready' "$home/wherry.log"; then
    echo "make run: not ready within 30 s; the log:" >&2
    cat "$home/wherry.log" >&2
    exit 1
fi

"$wherry" import --run-dir "$run" --env PATH=/bin --expose "$port" "$home/root.tar" wherry-example:latest
rm -f "$home/root.tar"
sed "s/8080/$port/" "$here/hello.yaml" | "$wherry" apply --run-dir "$run/hub" -f -
"$wherry" kubeconfig --run-dir "$run/hub" >"$home/hub.kubeconfig"
"$wherry" kubeconfig --run-dir "$run" >"$home/device.kubeconfig"

for _ in $(seq 300); do
    curl -fsS "http://127.0.0.1:$port/" >/dev/null 2>&1 && break
    sleep 0.1
done
if ! curl -fsS "http://127.0.0.1:$port/" >/dev/null; then
    echo "make run: the example does not answer on 127.0.0.1:$port within 30 s" >&2
    "$wherry" get pods --run-dir "$run" >&2 || true
    tail -20 "$home/wherry.log" >&2
    exit 1
fi

cat <<TEXT

What runs
$("$wherry" get nodes --run-dir "$run/hub" | sed 's/^/  /')
$("$wherry" get pods --run-dir "$run" | sed 's/^/  /')

Reach it
  curl http://127.0.0.1:$port/
  kubectl --kubeconfig $home/hub.kubeconfig get nodes,deploy,pods       the fleet
  kubectl --kubeconfig $home/device.kubeconfig get pods                 this device
  kubectl --kubeconfig $home/device.kubeconfig logs -f deploy/hello
  $wherry get pods --run-dir $run

Log: $home/wherry.log. Ctrl-C stops everything.
ready: http://127.0.0.1:$port/
TEXT
wait "$up" || {
    echo "make run: wherry up ended; the end of its log:" >&2
    tail -20 "$home/wherry.log" >&2
    exit 1
}
