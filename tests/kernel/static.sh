#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# static.sh VERSION: what tools say about the module's sources without running them: clang, sparse, checkpatch. The headers
# are those of $KDIR. Prints result lines.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cd "$top" || exit 1
out=$B/kernel/static
mkdir -p "$out"

# build NAME COMMAND ARGUMENT...: the module, with what the command is there for
build() {
	name=$1 tool=$2
	shift 2
	if ! command -v "$tool" > /dev/null; then
		if [ -n "${CI:-}" ]; then echo "not ok $name: $tool is not installed"; else echo "skip $name: $tool is not installed"; fi
		return
	fi
	rm -f "$out/$name.ko"* 2> /dev/null
	rm -rf "$out/$name.ko.build"
	if sh "$here/module.sh" "$version" "$out/$name.ko" W=1 "$@" > "$out/$name.log" 2>&1 &&
		! grep -qE 'warning:|error:' "$out/$name.log"; then
		echo "ok $name"
	else
		grep -E 'warning:|error:' "$out/$name.log" | head -n 10
		echo "not ok $name: see $out/$name.log"
	fi
}

version=$1
build module_builds_with_clang clang LLVM=1
build module_is_clean_for_sparse sparse C=2 "CF=-D__CHECK_ENDIAN__ -Wsparse-error"

# Not for us: version tests (the module is out of tree, akida_compat.h), and an array of strings that is not constant.
unfit=LINUX_VERSION_CODE,CONSTANT_COMPARISON,STATIC_CONST_CHAR_ARRAY
# checkpatch comes with the source of the kernel only; of it these three files stay.
scripts=$AKIDA_BED/checkpatch
exec 8> "$AKIDA_BED/lock"
flock 8
if [ ! -f "$scripts/checkpatch.pl" ]; then
	mkdir -p "$scripts"
	tar=$AKIDA_BED/debug/linux-source-6.1/scripts
	if [ -f "$tar/checkpatch.pl" ]; then
		cp "$tar/spelling.txt" "$tar/const_structs.checkpatch" "$tar/checkpatch.pl" "$scripts"
	elif (cd "$scripts" && apt-get -q -o APT::Sandbox::User=root download linux-source-6.1) > "$scripts/fetch.log" 2>&1; then
		dpkg-deb --fsys-tarfile "$scripts"/linux-source-6.1_*.deb | tar -x -O ./usr/src/linux-source-6.1.tar.xz |
			tar -xJ -C "$scripts" --strip-components=2 linux-source-6.1/scripts/checkpatch.pl \
				linux-source-6.1/scripts/spelling.txt linux-source-6.1/scripts/const_structs.checkpatch
		rm -f "$scripts"/linux-source-6.1_*.deb
	fi
fi
if [ ! -f "$scripts/checkpatch.pl" ]; then
	echo "skip module_is_clean_for_checkpatch: linux-source-6.1 cannot be downloaded"
elif perl "$scripts/checkpatch.pl" --no-tree --terse --no-summary --max-line-length=100 --ignore "$unfit" \
	-f driver/*.[ch] driver/core/*.[ch] uapi/akida.h > "$out/checkpatch.log" 2>&1; then
	echo "ok module_is_clean_for_checkpatch"
else
	head -n 10 "$out/checkpatch.log"
	echo "not ok module_is_clean_for_checkpatch: see $out/checkpatch.log"
fi
