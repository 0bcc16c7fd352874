#!/usr/bin/env bash
# Builds libmosquitto.a for the static executable, because Debian's libmosquitto-dev ships no archive (docs/adr/0004).
#
# The source is Debian's own package, fetched by apt, which verifies its signature and checksums. The deb-src list is
# derived from this machine's deb entries and kept apart from the system's lists, so nothing on the machine changes.
#
#   usage: build-libmosquitto.sh OUTPUT_DIRECTORY
set -euo pipefail

upstream=2.0.11 # the version the protocol was tested against; a new one is a decision, not an accident
output=${1:?usage: build-libmosquitto.sh OUTPUT_DIRECTORY}

mkdir -p "$output"
output=$(cd "$output" && pwd)
stamp=$output/libmosquitto.version
if [ -s "$output/libmosquitto.a" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$upstream" ]; then
    echo "libmosquitto.a $upstream is up to date"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/source"

# Every Debian deb entry of this machine, as deb-src: deb822 files and one-line files.
python3 - "$work/sources.list" <<'PYTHON'
import glob, re, sys

lines = []
for path in ["/etc/apt/sources.list", *glob.glob("/etc/apt/sources.list.d/*.list")]:
    try:
        text = open(path).read()
    except FileNotFoundError:
        continue
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(\[[^]]*\]\s+)?(\S+)\s+(.*)", line)
        if match and "debian" in match[2]:
            lines.append(f"deb-src {match[1] or ''}{match[2]} {match[3]}")
for path in glob.glob("/etc/apt/sources.list.d/*.sources"):
    for stanza in re.split(r"\n\s*\n", open(path).read()):
        fields = dict(re.findall(r"(?m)^([A-Za-z-]+):[ \t]*(.*)$", stanza))
        if "deb" not in fields.get("Types", "").split() or "debian" not in fields.get("URIs", ""):
            continue
        signed = fields.get("Signed-By", "").strip()
        option = f"[signed-by={signed}] " if signed.startswith("/") else ""
        for uri in fields["URIs"].split():
            for suite in fields["Suites"].split():
                lines.append(f"deb-src {option}{uri} {suite} {fields.get('Components', '')}")
if not lines:
    sys.exit("no Debian deb entry found in /etc/apt: cannot derive a deb-src list")
open(sys.argv[1], "w").write("\n".join(dict.fromkeys(lines)) + "\n")
PYTHON

apt_options=(
    -o "Dir::Etc::SourceList=$work/sources.list"
    -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$work/lists"
    -o "Dir::Cache::srcpkgcache=" -o "Dir::Cache::pkgcache="
    -o APT::Sandbox::User=root
)
apt-get "${apt_options[@]}" -qq update
version=$(apt-cache "${apt_options[@]}" showsrc mosquitto 2>/dev/null | sed -n "s/^Version: \($upstream-.*\)/\1/p" | sort -V | tail -1)
if [ -z "$version" ]; then
    echo "build-libmosquitto: no source package mosquitto $upstream in this machine's Debian suites; set 'upstream' in $0" >&2
    exit 1
fi
(cd "$work/source" && apt-get "${apt_options[@]}" -qq source --download-only "mosquitto=$version")
(cd "$work/source" && tar xf "mosquitto_$upstream.orig.tar."*[xg]z)
tree=$(find "$work/source" -mindepth 1 -maxdepth 1 -type d | head -1)
tar xf "$work/source/mosquitto_$version.debian.tar.xz" -C "$tree"
while read -r patch _; do
    case $patch in '' | '#'*) continue ;; esac
    patch --quiet --forward --strip=1 --directory="$tree" <"$tree/debian/patches/$patch"
done <"$tree/debian/patches/series"

CFLAGS="-O2 -fPIC -Wall -Wno-deprecated-declarations" make -s -C "$tree/lib" WITH_STATIC_LIBRARIES=yes WITH_SHARED_LIBRARIES=no WITH_SRV=no WITH_CJSON=no WITH_DOCS=no libmosquitto.a
install -m 644 "$tree/lib/libmosquitto.a" "$output/libmosquitto.a"
printf '%s\n' "$upstream" >"$stamp"
echo "built $output/libmosquitto.a from Debian's mosquitto $version"
