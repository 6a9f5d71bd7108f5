#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# leg.sh FILE: one boot that run.sh described in FILE (shell assignments: NAME IMAGE INITRAMFS LOG, and what boot.sh takes).
# Its results go into LOG.results, each with NAME in front; failures and skips are printed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$1"
export ARCH APPEND IOMMU LIMIT MEM
results=$LOG.results
: > "$results"

failed() {
	echo "not ok $NAME: $1, see $LOG" >> "$results"
	echo "not ok $NAME: $1, see $LOG"
}

for attempt in 1 2; do
	sh "$here/boot.sh" "$IMAGE" "$INITRAMFS" > "$LOG" 2>&1
	rc=$?
	# A guest that never came to its init says nothing about the module: once more.
	[ $rc -eq 2 ] || break
	cp "$LOG" "$LOG.$attempt"
done
grep -aE '^(ok|not ok|skip) ' "$LOG" | sed -E "s|^(ok\|not ok\|skip) |\1 $NAME/|" > "$results"
grep -E '^(not ok|skip)' "$results"
case $rc in
0) [ -s "$results" ] || failed "no test ran" ;;
2) failed "the kernel did not start twice (not the module's fault)" ;;
124) failed "still running after its time limit, in $(grep -a '^BED run=' "$LOG" | tail -n 1)" ;;
*)
	failed "ended early, in $(grep -a '^BED run=' "$LOG" | tail -n 1)"
	tail -n 40 "$LOG" ;;
esac
