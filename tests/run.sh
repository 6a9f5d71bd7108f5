#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs groups of tests and counts them: run.sh check | check-unit | check-asan | check-cli | check-golden | check-build | check-arm | lint
# Environment: B (build folder), MAKE, CI. Every test prints one line: `ok NAME`, `not ok NAME`, `skip NAME: REASON`.
# The last line is `N passed, N failed, N skipped`; the exit status is 0 only when nothing failed.
set -u
B=${B:-build}
MAKE=${MAKE:-make}
CI=${CI:-}
export B CI MAKE
MAKEFLAGS=
export MAKEFLAGS
jobs=-j$(nproc 2>/dev/null || echo 1)
log=$B/test-logs
mkdir -p "$log"
results=$log/results
: > "$results"

say() {
	echo "$1" >> "$results"
	case $1 in "not ok"*|skip*) echo "$1" ;; esac
}

# cmocka programs: one result per test function. A program that dies in the middle is one more failure.
unit() { # folder with programs, prefix for names
	for t in $(find "$1" -type f -name 'test_*' ! -name '*.d' ! -name '*.o' | sort); do
		name=$2${t#"$1"/}
		out=$log/$(echo "$name" | tr / .).log
		timeout 600 "$t" > "$out" 2>&1
		rc=$?
		before=$(wc -l < "$results")
		# The summary repeats failures and skips; a skip's reason is the line printed before it.
		awk -v n="$name" -v where="$out" '
			/^\[ *OK *\]/ { print "ok " n " " $NF; next }
			/^\[  (SKIPPED|FAILED)  ?\] [a-zA-Z_0-9]+$/ {
				if (!seen[$NF]++)
					print ($2 == "SKIPPED" ? "skip " n " " $NF ": " (why ? why : "see " where) : "not ok " n " " $NF)
				next }
			/^\[ RUN/ { why = ""; next }
			/^\[/ { next }
			{ why = $0 }' "$out" >> "$results"
		awk -v b="$before" 'NR > b && (/^not ok/ || /^skip/)' "$results"
		failed=$(awk -v b="$before" 'NR > b && /^not ok/' "$results" | wc -l)
		if [ "$rc" -ne 0 ] && [ "$failed" -eq 0 ]; then
			say "not ok $name: ended with status $rc, see $out"
			tail -n 15 "$out"
		elif [ "$rc" -ne 0 ]; then
			grep -B 8 -F '[  FAILED  ]' "$out" | head -n 30
		elif [ "$(wc -l < "$results")" -eq "$before" ]; then
			say "not ok $name: ran no test, see $out"
		fi
	done
}

# Scripts that print result lines themselves. 77 is a skip of the whole script.
scripts() { # folder, name (default: all)
	for t in "$1"/${2:-*}.sh "$1"/${2:-*}.py; do
		[ -f "$t" ] || continue
		case $t in */common.sh|*/make_*) continue ;; esac
		out=$log/${PREFIX:+asan.}$(echo "$t" | tr / .).log
		case $t in *.py) run=/usr/bin/python3 ;; *) run=sh ;; esac
		timeout 1200 $run "$t" > "$out" 2>&1
		rc=$?
		lines=$(grep -E '^(ok|not ok|skip) ' "$out")
		if [ -n "$lines" ]; then
			echo "$lines" >> "$results"
			echo "$lines" | grep '^skip'
		fi
		if [ "$rc" -eq 77 ]; then
			say "skip ${PREFIX:-}$t: $(tail -n 1 "$out")"
		elif [ "$rc" -ne 0 ] && ! echo "$lines" | grep -q '^not ok'; then
			say "not ok ${PREFIX:-}$t: ended with status $rc, see $out"
			tail -n 15 "$out"
		elif [ "$rc" -ne 0 ]; then
			grep -v '^ok' "$out" | head -n 40
		elif [ -z "$lines" ]; then
			say "ok ${PREFIX:-}$t"
		fi
	done
}

# One build as one test.
build() { # name, make arguments
	name=$1
	shift
	if $MAKE $jobs --no-print-directory "$@" > "$log/$name.log" 2>&1; then
		say "ok build $name"
	else
		say "not ok build $name"
		grep -E 'error:|warning:|undefined|\*\*\*' "$log/$name.log" | head -n 20
	fi
}

missing() { # name, command: a missing tool fails under CI and is a skip elsewhere
	if [ -n "$CI" ]; then say "not ok $1: $2 is not installed"; else say "skip $1: $2 is not installed"; fi
}

asan_flags="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
asan() {
	build asan B=build-asan OPT="-O1 -g" EXTRA_CFLAGS="$asan_flags" EXTRA_LDFLAGS="-fsanitize=address,undefined" \
		lib tools unit-bin
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 unit build-asan/tests asan/
	# The programs as well. Leaks are left to the unit tests: the leak checker and OpenMP's threads do not get along.
	(B=build-asan ASAN_OPTIONS=detect_leaks=0 PREFIX="asan/"
	export ASAN_OPTIONS PREFIX
	for t in bad_files pipeline; do scripts "tests/cli" "$t"; done)
}

builds() {
	build gcc-werror B=build-gcc CC=gcc OPT=-O2 WERROR=-Werror lib tools
	if command -v clang > /dev/null; then
		build clang-werror B=build-clang CC=clang OPT=-O1 WERROR=-Werror lib tools
	else
		missing "build clang-werror" clang
	fi
	for f in driver/core/*.c; do
		[ -f "$f" ] || continue
		if gcc -std=gnu11 -O2 -ffreestanding -nostdlib -fno-builtin -Wall -Wextra -Wmissing-prototypes -Werror -I. -Idriver/core \
			-c -o "$log/freestanding.o" "$f" > "$log/freestanding.log" 2>&1; then
			undefined=$(nm -u "$log/freestanding.o" | awk '{print $2}' | grep -vE '^(akc_|akd|ak_|core_|mem(cpy|set|cmp|move)$)')
			if [ -n "$undefined" ]; then
				say "not ok freestanding $f: needs $(echo $undefined)"
			else
				say "ok freestanding $f"
			fi
		else
			say "not ok freestanding $f"
			head -n 10 "$log/freestanding.log"
		fi
		if command -v sparse > /dev/null; then
			if out=$(sparse -std=gnu11 -Wno-decl -Wsparse-error -I. -Idriver/core "$f" 2>&1); then
				say "ok sparse $f"
			else
				say "not ok sparse $f"
				echo "$out" | head -n 10
			fi
		else
			missing "sparse $f" sparse
		fi
	done
}

# Real kernels: a run of its own with its own counting; what it says is part of ours.
kernel() {
	sh tests/kernel/run.sh > "$log/kernel.log" 2>&1
	sed '$d' "$log/kernel.log"
	if [ -s "$log/kernel/results" ]; then
		sed -E 's|^(ok\|not ok\|skip) |\1 kernel/|' "$log/kernel/results" >> "$results"
	else
		say "not ok kernel: no result, see $log/kernel.log"
	fi
}

# Kernels of AArch64 under qemu-user: cross-built runtime, drawn models, 2500 per family and instruction set.
arm() {
	for tool in aarch64-linux-gnu-gcc qemu-aarch64-static; do
		command -v "$tool" > /dev/null || { missing "arm kernels" "$tool"; return; }
	done
	build arm B=build-arm CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar WERROR=-Werror build-arm/arm/kernels
	[ -x build-arm/arm/kernels ] || return
	timeout 600 qemu-aarch64-static -cpu max build-arm/arm/kernels 2500 > "$log/arm.log" 2>&1
	rc=$?
	sed -n 's/^\([a-z]*\), \([a-z ]*\): [0-9]* models.* 0 differ$/ok arm \1 \2/p' "$log/arm.log" >> "$results"
	[ "$rc" -eq 0 ] || { say "not ok arm kernels: see $log/arm.log"; tail -n 15 "$log/arm.log"; }
}

case ${1:-check} in
check) unit "$B/tests" unit/; scripts tests/cli; scripts tests/golden; scripts tests/lint; scripts tests/abi; builds; arm; asan; kernel ;;
check-unit) unit "$B/tests" unit/ ;;
check-asan) asan ;;
check-cli) scripts tests/cli ;;
check-golden) scripts tests/golden ;;
check-build) builds ;;
check-arm) arm ;;
lint) scripts tests/lint; scripts tests/abi ;;
*) echo "usage: run.sh check|check-unit|check-asan|check-cli|check-golden|check-build|check-arm|lint" >&2; exit 2 ;;
esac

passed=$(grep -c '^ok ' "$results")
failed=$(grep -c '^not ok ' "$results")
skipped=$(grep -c '^skip ' "$results")
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
