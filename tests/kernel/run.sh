#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# make check-kernel: boots real kernels with akida.ko and the two emulated boards, runs the programs of guest/ in them.
# One line per test: `ok NAME`, `not ok NAME: WHY`, `skip NAME: WHY` (`ok` ones only in the results file); the last line is
# `N passed, N failed, N skipped`.
#   KERNELS   series to boot, default "6.1 6.1-arm64 6.12"; all: those and the newest of Debian's backports; debug: a kernel
#             with KASAN, lockdep and more of 6.1's source
#   LEGS      ways to boot each, default of 6.1 "stress plain iommu nomsi", of debug "plain iommu", of others "plain";
#             bench: measurements (make bench-driver); vfio: faults below libakida's vfio: back end (may hang, see 80_vfio.c)
#   TESTS     only guest programs whose names match this glob
#   JOBS      boots at one time, default 2
#   B, AKIDA_BED, AKIDA_SHARED, CI   build folder, downloads (default B/bed), test data, nothing of 6.1 may be missing
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cd "$top" || exit 1
B=${B:-build}
CI=${CI:-}
KERNELS=${KERNELS:-6.1 6.1-arm64 6.12}
[ "$KERNELS" != all ] || KERNELS="6.1 6.1-arm64 6.12 newest"
LEGS=${LEGS:-}
TESTS=${TESTS:-}
case $B in /*) ;; *) B=$top/$B ;; esac
AKIDA_BED=${AKIDA_BED:-$B/bed}
export AKIDA_BED B
work=$B/kernel
logs=$B/test-logs/kernel
mkdir -p "$work/data" "$work/legs" "$logs" "$AKIDA_BED" || exit 1
rm -f "$work/legs"/*
AKIDA_BED=$(cd "$AKIDA_BED" && pwd)
results=$logs/results
: > "$results"

say() {
	echo "$1" >> "$results"
	case $1 in "not ok"*|skip*) echo "$1" ;; esac
}

# What fills $AKIDA_BED, which several trees may share, one at a time.
locked() {
	flock "$AKIDA_BED/lock" "$@"
}

missing() { # series, name, why: fails under CI for what every Debian 12 has, is a skip elsewhere
	case $CI$1 in
	?*6.1|?*6.1-arm64|?*bed) say "not ok $2: $3" ;;
	*) say "skip $2: $3" ;;
	esac
}

finish() {
	passed=$(grep -c '^ok ' "$results")
	failed=$(grep -c '^not ok ' "$results")
	skipped=$(grep -c '^skip ' "$results")
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

# check NAME COMMAND...: one build or check as one test, its output in a log
check() {
	log=$logs/$(echo "$1" | tr / -).log
	name=$1
	shift
	if "$@" > "$log" 2>&1 && ! grep -qE 'warning:|error:|WARNING:|ERROR:' "$log"; then
		say "ok $name"
	else
		say "not ok $name: see $log"
		grep -E 'warning:|error:|WARNING:|ERROR:' "$log" | head -n 10
		return 1
	fi
}

# ---- what all kernels share ----

if ! command -v qemu-system-x86_64 > /dev/null; then
	missing bed kernel "qemu-system-x86_64 is not installed"
	finish
fi
BOARD_SO=$work/akida-qemu.so
export BOARD_SO
if locked sh firmware/qemu/build.sh "$BOARD_SO" > "$logs/board.log" 2>&1; then
	say "ok board_builds"
else
	say "not ok board_builds: see $logs/board.log"
	tail -n 15 "$logs/board.log"
	finish
fi
if "$B/kernel/host_cases" "$work/data" "$B/share/akida/models/mnist.akm" "${AKIDA_SHARED:-../shared}" > "$logs/cases.log" 2>&1; then
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
		[ -z "$(find tests/kernel/guest/*.[ch] uapi/*.h "$B/lib/libakida.a" -newer "$out" 2>&1 | head -n 1)" ] && continue
		libraries= static=-static
		case $name in 8*) # with libakida, which is there for this machine only
			[ "$ARCH" = x86_64 ] || continue
			libraries="-Ilibakida/include $B/lib/libakida.a -lm -lpthread -ldl" ;;
		esac
		case $name in 82*) static= ;; esac
		# shellcheck disable=SC2086
		"$2" -std=gnu11 -O2 -Wall -Wextra -Wshadow ${CI:+-Werror} $static -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -o "$out" \
			"$f" tests/kernel/guest/guest.c tests/kernel/guest/leaks.c $libraries >> "$logs/guests.log" 2>&1 || return 1
	done
}
: > "$logs/guests.log"

# ---- each kernel: the module, the guests, one description per boot ----

# LIMIT is for what hangs: on a busy machine a boot may take ten times what it takes on a quiet one.
for series in $KERNELS; do
	default_legs=plain ARCH=x86_64 STRIP=strip BUSYBOX=$(command -v busybox) LIMIT=1200 MEM=1024 cycles=100
	cc=${CC:-gcc} make_arguments=
	case $series in
	6.1) default_legs="stress plain iommu nomsi" cycles=1000 ;;
	debug) default_legs="plain iommu" LIMIT=3600 MEM=3072 ;;
	*-arm64)
		ARCH=aarch64 cc=aarch64-linux-gnu-gcc STRIP=aarch64-linux-gnu-strip BUSYBOX=$AKIDA_BED/arm64/bin/busybox
		make_arguments="ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-"
		if ! command -v qemu-system-aarch64 > /dev/null || ! command -v $cc > /dev/null; then
			missing "$series" "kernel $series" "qemu-system-aarch64 or $cc is not installed"
			continue
		fi ;;
	esac
	export STRIP BUSYBOX MODULES
	locked sh "$here/prepare.sh" "$series" > "$logs/prepare-$series.log" 2>&1
	line=$(grep "^kernel $series " "$logs/prepare-$series.log")
	if [ -z "$line" ]; then
		missing "$series" "kernel $series" "$(grep '^missing' "$logs/prepare-$series.log" | sed 's/^missing [^:]*: //')"
		continue
	fi
	# shellcheck disable=SC2086
	set -- $line
	version=$3 image=$4 KDIR=$5 MODULES=$AKIDA_BED/lib/modules/$3
	export KDIR
	ko=$work/akida-$version.ko
	# shellcheck disable=SC2086
	check "$series/module_builds_without_warning" sh "$here/module.sh" "$version" "$ko" W=1 $make_arguments
	[ -f "$ko" ] || continue
	if [ "$series" = 6.1 ]; then
		sh "$here/static.sh" "$version" > "$logs/static.log" 2>&1
		grep -E '^(ok|not ok|skip) ' "$logs/static.log" | sed -E "s|^(ok\|not ok\|skip) |\1 $series/|" >> "$results"
		grep -vE '^ok ' "$logs/static.log"
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
			missing "$series" "$series/32bit" "i686-linux-gnu-gcc is not installed"
		fi
	fi
	sh "$here/mkinitramfs.sh" "$work/initramfs-$series.gz" "$ko" "$work/guests-$ARCH" "$work/data" || {
		say "not ok $series/initramfs"
		continue
	}
	for leg in ${LEGS:-$default_legs}; do
		# The calls that never reach the chip are the same however it is reached: the first leg is enough for them.
		# Memory fails on purpose (74) only where the kernel can do that, VFIO (80) needs an IOMMU.
		IOMMU= tests='*' skip=
		case $leg in
		plain) tests='[1-8]*' skip=80*; case " ${LEGS:-$default_legs} " in *" stress "*) tests='[1-68]*' ;; esac ;;
		bench) tests='9*' ;; # make bench-driver
		stress) tests='7*' ;;
		iommu) tests='[134568]*' skip=*-32bit IOMMU=1 ;;
		vfio) tests='80*' IOMMU=1 ;; # with vfio_survives_faults
		nomsi) tests='[134]*' skip='*-32bit,41*' ;;
		*) say "not ok $series/$leg: no such leg"; continue ;;
		esac
		[ "$series" = debug ] || skip="$skip,74*"
		APPEND="bed.tests=${TESTS:-$tests} bed.skip=$skip bed.cycles=$cycles"
		[ "$leg" != nomsi ] || APPEND="$APPEND pci=nomsi"
		[ "$leg" != vfio ] || APPEND="$APPEND bed.vfio_faults"
		cat > "$work/legs/$(echo "$KERNELS" | tr ' ' '\n' | grep -n -x "$series" | cut -d: -f1)-$series-$leg" <<- END
			NAME='$series/$leg' IMAGE='$image' INITRAMFS='$work/initramfs-$series.gz' LOG='$logs/$series-$leg.log'
			ARCH='$ARCH' APPEND='$APPEND' IOMMU='$IOMMU' LIMIT='$LIMIT' MEM='$MEM'
		END
	done
done

# ---- the boots: they spend most of their time waiting, so several go at once ----

for leg in "$work/legs"/*; do
	[ ! -f "$leg" ] || echo "$leg"
done | xargs -r -n 1 -P "${JOBS:-2}" sh "$here/leg.sh"
for leg in "$work/legs"/*; do
	[ -f "$leg" ] || continue
	(. "$leg"; cat "$LOG.results") >> "$results"
done
finish
