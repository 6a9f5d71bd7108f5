#!/bin/sh
# SPDX-License-Identifier: MIT
# What the runtime library needs and shows: libc and libm only; the public symbols of tests/abi/symbols.list.
set -u
B=${B:-build}
lib=$B/lib/libakida.so
status=0
result() {
	if [ -n "$2" ]; then echo "$2"; echo "not ok lint $1"; status=1; else echo "ok lint $1"; fi
}
[ -f "$lib" ] || { echo "not ok lint libraries: $lib is not built"; exit 1; }
out=$(readelf -d "$lib" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(libc|libm|ld-linux.*|liburing)\.so')
result "runtime needs libc only" "$out"
for p in akida akida-bench; do
	out=$(readelf -d "$B/bin/$p" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(libakida|libc|libm|ld-linux.*)\.so')
	result "$p links libakida.so only" "$out"
done
# Exported public symbols are those the headers declare with AKIDA_API, and the list of the ABI.
shown=$(nm -D --defined-only "$lib" | awk '{print $3}' | grep '^akida_' | sed 's/@.*//' | sort -u)
if [ -f tests/abi/symbols.list ]; then
	listed=$(grep -v '^#' tests/abi/symbols.list | sort -u)
	gone=$(echo "$listed" | while read -r s; do echo "$shown" | grep -qx "$s" || echo "$s: in tests/abi/symbols.list, not in the library"; done)
	new=$(echo "$shown" | while read -r s; do echo "$listed" | grep -qx "$s" || echo "$s: in the library, not in tests/abi/symbols.list"; done)
	result "runtime symbols" "$gone$new"
fi
declared=$(cat libakida/include/akida/*.h | tr '\n' ' ' | grep -oE 'AKIDA_API [^;]*' | grep -oE 'akida_[a-z0-9_]+\(' | tr -d '(' | sort -u)
out=$(echo "$shown" | while read -r s; do echo "$declared" | grep -qx "$s" || echo "$s: exported, in no public header"; done)
result "exported symbols are declared" "$out"
out=$(nm -D --defined-only "$B/lib/libakida-tools.so" | awk '{print $3}' | sed 's/@.*//' | grep '^akida_' | while read -r s; do
	echo "$declared" | grep -qx "$s" || echo "$s: exported, in no public header"; done)
result "toolchain symbols are declared" "$out"
exit $status
