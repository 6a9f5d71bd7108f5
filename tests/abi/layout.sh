#!/bin/sh
# SPDX-License-Identifier: MIT
# uapi/akida.h has the layout of layout.c for 64- and 32-bit callers, in C and C++, and no hole (pahole, where it is).
set -u
cd "$(dirname "$0")/../.." || exit 1
CC=${CC:-gcc}
CXX=${CXX:-$(command -v g++ || echo clang++)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

compile() { # NAME COMPILER FLAGS...: the 32-bit ones need no C library, so that a plain compiler can do them
	name=$1
	shift
	if ! command -v "$1" > /dev/null; then
		if [ -n "${CI:-}" ]; then echo "not ok abi layout $name: $1 is not installed"; status=1; else
			echo "skip abi layout $name: $1 is not installed"; fi
	elif "$@" -I. -Wall -Wextra -Wpedantic -Wno-long-long -Werror -c -o "$work/o" > "$work/log" 2>&1; then
		echo "ok abi layout $name"
	else
		cat "$work/log"
		echo "not ok abi layout $name"
		status=1
	fi
}

# Kernel headers of the machine's own architecture, wherever the distribution keeps them.
multi=$($CC -print-multiarch 2> /dev/null)
sys="-isystem /usr/include/${multi:-.} -isystem /usr/include"
compile "64-bit C" $CC -std=c11 tests/abi/layout.c
compile "64-bit C++" "$CXX" -std=c++17 -x c++ tests/abi/layout.c
case $($CC -dumpmachine) in
x86_64*)
	# shellcheck disable=SC2086
	compile "32-bit C" $CC -m32 -ffreestanding -std=c11 $sys tests/abi/layout.c
	# shellcheck disable=SC2086
	compile "32-bit C++" "$CXX" -m32 -ffreestanding -nostdinc++ -std=c++17 $sys -x c++ tests/abi/layout.c ;;
*) echo "skip abi layout 32-bit: no 32-bit compiler for this machine" ;;
esac
# A changed layout must be seen.
sed 's/AT(akida_wait, seq, 16)/AT(akida_wait, seq, 20)/' tests/abi/layout.c > "$work/wrong.c"
if cmp -s tests/abi/layout.c "$work/wrong.c" || $CC -std=c11 -I. -c -o "$work/o" "$work/wrong.c" > /dev/null 2>&1; then
	echo "not ok abi layout: a wrong offset is not found"
	status=1
else
	echo "ok abi layout: a wrong offset is found"
fi
if command -v pahole > /dev/null; then
	sed -n 's/^CHECK(sizeof(struct \([a-z_]*\)) == .*/struct \1 v_\1;/p' tests/abi/layout.c > "$work/vars"
	{ echo '#include "uapi/akida.h"'; cat "$work/vars"; } > "$work/p.c"
	$CC -g -I. -c -o "$work/p.o" "$work/p.c"
	if pahole "$work/p.o" 2>&1 | grep -E 'XXX|holes'; then
		echo "not ok abi layout: holes"
		status=1
	else
		echo "ok abi layout: no holes"
	fi
fi
exit $status
