#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# make check-kernel: boots real kernels with akida.ko and the two emulated boards, runs the programs of guest/ in them.
# One line per test: `ok NAME`, `not ok NAME: WHY`, `skip NAME: WHY` (`ok` ones only in the results file); the last line is
# `N passed, N failed, N skipped`.
#   KERNELS   series to boot, default "6.1 6.12 6.1-arm64"; the last one is built by a cross compiler
#   LEGS      ways to boot each, default "plain iommu nomsi", on arm64 "plain"
#   TESTS     only guest programs whose names match this glob
#   B, AKIDA_BED, AKIDA_SHARED, CI   build folder, downloads (default B/bed), test data, nothing may be missing
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cd "$top" || exit 1
B=${B:-build}
CI=${CI:-}
KERNELS=${KERNELS:-6.1 6.12 6.1-arm64}
LEGS=${LEGS:-}
case $B in /*) ;; *) B=$top/$B ;; esac
AKIDA_BED=${AKIDA_BED:-$B/bed}
export AKIDA_BED B
work=$B/kernel
logs=$B/test-logs/kernel
mkdir -p "$work/data" "$logs" "$AKIDA_BED" || exit 1
AKIDA_BED=$(cd "$AKIDA_BED" && pwd)
results=$logs/results
: > "$results"

say() {
	echo "$1" >> "$results"
	case $1 in "not ok"*|skip*) echo "$1" ;; esac
}

missing() { # name, why: fails under CI, is a skip elsewhere
	if [ -n "$CI" ]; then say "not ok $1: $2"; else say "skip $1: $2"; fi
}

finish() {
	passed=$(grep -c '^ok ' "$results")
	failed=$(grep -c '^not ok ' "$results")
	skipped=$(grep -c '^skip ' "$results")
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

# ---- what all kernels share ----

if ! command -v qemu-system-x86_64 > /dev/null; then
	missing kernel "qemu-system-x86_64 is not installed"
	finish
fi
BOARD_SO=$AKIDA_BED/akida-qemu.so
export BOARD_SO
if sh firmware/qemu/build.sh "$BOARD_SO" > "$logs/board.log" 2>&1; then
	say "ok board_builds"
else
	say "not ok board_builds: see $logs/board.log"
	tail -n 15 "$logs/board.log"
	finish
fi
if "$B/kernel/host_cases" "$work/data" "${AKIDA_SHARED:-../shared}" > "$logs/cases.log" 2>&1; then
	say "ok cases_are_written"
else
	say "not ok cases_are_written: $(tail -n 1 "$logs/cases.log")"
	finish
fi

# guests FOLDER COMPILER SUFFIX GLOB: the static programs
guests() {
	mkdir -p "$1"
	for f in "$1"/*; do # programs of sources that are gone
		[ -f "tests/kernel/guest/$(basename "${f%-32bit}").c" ] || rm -f "$f"
	done
	for f in tests/kernel/guest/$4*.c; do
		name=$(basename "$f" .c)
		out=$1/$name$3
		[ -z "$(find tests/kernel/guest uapi -newer "$out" -name '*.[ch]' 2>&1 | head -n 1)" ] && continue
		"$2" -std=gnu11 -O2 -Wall -Wextra -Wshadow ${CI:+-Werror} -static -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -o "$out" \
			"$f" tests/kernel/guest/guest.c >> "$logs/guests.log" 2>&1 || return 1
	done
}
: > "$logs/guests.log"

# boot NAME KERNEL INITRAMFS: one leg; its lines become results with NAME in front
boot() {
	log=$logs/$(echo "$1" | tr / -).log
	for attempt in 1 2; do
		sh "$here/boot.sh" "$2" "$3" > "$log" 2>&1
		rc=$?
		# A guest that never came to its init says nothing about the module: once more.
		[ $rc -eq 2 ] || break
		cp "$log" "$log.$attempt"
	done
	grep -aE '^(ok|not ok|skip) ' "$log" | sed -E "s|^(ok\|not ok\|skip) |\1 $1/|" > "$log.results"
	cat "$log.results" >> "$results"
	grep -E '^(not ok|skip)' "$log.results"
	case $rc in
	0) [ -s "$log.results" ] || say "not ok $1: no test ran, see $log" ;;
	2) say "not ok $1: the kernel did not start twice (not the module's fault), see $log" ;;
	124) say "not ok $1: still running after its time limit, in $(grep -a '^BED run=' "$log" | tail -n 1), see $log" ;;
	*)
		say "not ok $1: ended early, in $(grep -a '^BED run=' "$log" | tail -n 1), see $log"
		tail -n 40 "$log" ;;
	esac
}

# ---- each kernel ----

for series in $KERNELS; do
	legs=${LEGS:-plain iommu nomsi}
	case $series in *-arm64)
		legs=${LEGS:-plain}
		if ! command -v qemu-system-aarch64 > /dev/null || ! command -v aarch64-linux-gnu-gcc > /dev/null; then
			missing "kernel $series" "qemu-system-aarch64 or aarch64-linux-gnu-gcc is not installed"
			continue
		fi ;;
	esac
	sh "$here/prepare.sh" "$series" > "$logs/prepare-$series.log" 2>&1
	line=$(grep "^kernel $series " "$logs/prepare-$series.log")
	if [ -z "$line" ]; then
		missing "kernel $series" "$(grep '^missing' "$logs/prepare-$series.log" | sed 's/^missing [^:]*: //')"
		continue
	fi
	# shellcheck disable=SC2086
	set -- $line
	version=$3 image=$4
	ko=$work/akida-$version.ko
	ARCH=x86_64
	cc=${CC:-gcc}
	STRIP=strip
	BUSYBOX=$(command -v busybox)
	case $series in *-arm64)
		ARCH=aarch64
		cc=aarch64-linux-gnu-gcc
		STRIP=aarch64-linux-gnu-strip
		BUSYBOX=$AKIDA_BED/arm64/bin/busybox
		[ -f "$BUSYBOX" ] || BUSYBOX=$AKIDA_BED/arm64/usr/bin/busybox ;;
	esac
	export ARCH STRIP BUSYBOX
	if [ $ARCH = aarch64 ]; then
		KDIR=$AKIDA_BED/arm64-headers/$version sh "$here/module.sh" "$version" "$ko" ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- \
			W=1 > "$logs/module-$series.log" 2>&1
	else
		sh "$here/module.sh" "$version" "$ko" W=1 > "$logs/module-$series.log" 2>&1
	fi
	if [ $? -ne 0 ] || grep -qE 'warning:|error:' "$logs/module-$series.log"; then
		say "not ok $series/module_builds_without_warning: see $logs/module-$series.log"
		grep -E 'warning:|error:' "$logs/module-$series.log" | head -n 10
		[ -f "$ko" ] || continue
	else
		say "ok $series/module_builds_without_warning"
	fi
	# Static programs of 32-bit userspace go through the module's compat entry.
	if ! guests "$work/guests-$ARCH" "$cc" "" '[0-9]'; then
		say "not ok $series/guests_build: see $logs/guests.log"
		continue
	fi
	if [ $ARCH = x86_64 ]; then
		if command -v i686-linux-gnu-gcc > /dev/null; then
			guests "$work/guests-$ARCH" i686-linux-gnu-gcc -32bit '[23]' || say "not ok $series/guests_build_32bit: see $logs/guests.log"
		else
			missing "$series/32bit" "i686-linux-gnu-gcc is not installed"
		fi
	fi
	sh "$here/mkinitramfs.sh" "$work/initramfs-$series.gz" "$ko" "$work/guests-$ARCH" "$work/data" || {
		say "not ok $series/initramfs"
		continue
	}
	for leg in $legs; do
		# The calls that never reach the chip are the same however it is reached: the first leg is enough for them.
		export APPEND="bed.skip=*-32bit bed.tests=${TESTS:-[13456]*}" IOMMU=
		case $leg in
		plain) APPEND="${TESTS:+bed.tests=$TESTS}" ;;
		iommu) IOMMU=1 ;;
		nomsi) APPEND="bed.skip=*-32bit bed.tests=${TESTS:-[134]*} pci=nomsi" ;;
		*) say "not ok $series/$leg: no such leg"; continue ;;
		esac
		boot "$series/$leg" "$image" "$work/initramfs-$series.gz"
	done
done
finish
