#!/usr/bin/env bash
# Installs the Debian packages that Wherry needs, and only those that are missing.
#   usage: setup.sh run|all      run: to build and run; all: also what the tests, checks and benchmarks use
set -euo pipefail

build=(build-essential pkg-config dpkg-dev python3 libsqlite3-dev libssl-dev libmosquitto-dev libcgroup-dev
    libseccomp-dev libarchive-dev zlib1g-dev libzstd-dev libyaml-dev)
run=(mosquitto busybox-static ca-certificates curl)
test=(shellcheck file jq iproute2 cpio e2fsprogs strace mosquitto-clients docker-registry skopeo umoci crun runc prometheus
    qemu-system-x86 python3-pip python3-pytest python3-docker openssl kmod uidmap)

case ${1:-all} in
run) wanted=("${build[@]}" "${run[@]}") ;;
all) wanted=("${build[@]}" "${run[@]}" "${test[@]}") ;;
*) echo "usage: $0 run|all" >&2 && exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
echo "installing: ${missing[*]}"
# The daemons among these packages are started by Wherry or by its tests, never by the system.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
    "${sudo[@]}" chmod +x "$policy"
    trap '"${sudo[@]}" rm -f "$policy"' EXIT
fi
"${sudo[@]}" apt-get -qq update
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
