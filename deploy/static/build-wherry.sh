#!/usr/bin/env bash
# Builds the shipped file: one stripped, fully static x86-64 executable (docs/adr/0003).
#   usage: build-wherry.sh OUTPUT
set -euo pipefail
cd "$(dirname "$0")/../.."
output=${1:?usage: build-wherry.sh OUTPUT}
libraries=build/static/lib
scratch=build/swift

deploy/static/build-libmosquitto.sh "$libraries"
# -static-executable takes every archive; the two --wrap take the unwinder's registration away, which would cost
# 45-100 ms at each start; the third takes the runtime's search for a crash reporter away, which ends the program where
# /proc is not mounted. The C shim holds the empty bodies. Functions of equal code are folded (icf):
# nothing here compares the addresses of functions. The frontend's flag has metadata of generic types named in the code
# instead of looked up by its mangled name, which searches all 20,000 conformances once for each type; packages share their
# specializations, so all of them are built so. The group lets the archives refer to one another. WHERRY_STATIC makes
# the manifest link by ld.py: lld, without unwind tables that nobody reads.
WHERRY_STATIC=1 swift build --configuration release --scratch-path "$scratch" --product wherry \
    -Xswiftc -static-executable \
    -Xlinker --wrap=__register_frame_info -Xlinker --wrap=__deregister_frame_info \
    -Xlinker --wrap=swift_copyAuxiliaryExecutablePath \
    -Xswiftc -Xfrontend -Xswiftc -disable-concrete-type-metadata-mangled-name-accessors \
    -Xcxx -Os -Xcxx -ffunction-sections -Xcxx -fdata-sections \
    -Xlinker --gc-sections -Xlinker --icf=all -Xlinker "-L$PWD/$libraries" \
    -Xlinker --start-group -Xlinker -lmosquitto -Xlinker -lssl -Xlinker -lcrypto -Xlinker -lsqlite3 -Xlinker -lcgroup \
    -Xlinker -lseccomp -Xlinker -larchive -Xlinker -lyaml -Xlinker -lzstd -Xlinker -lz -Xlinker -lm -Xlinker -lc \
    -Xlinker --end-group
mkdir -p "$(dirname "$output")"
strip --strip-all -o "$output.new" "$scratch/release/wherry"
mv "$output.new" "$output"
ls -l "$output"
