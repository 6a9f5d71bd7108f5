#!/bin/sh
# SPDX-License-Identifier: MIT
# count.sh PROGRAM NETWORK...: instructions that a frame takes on AArch64, counted by qemu-user: two frames less one.
set -u
program=$1
shift
executed() { # network isa frames
	qemu-aarch64-static -cpu max -singlestep -d nochain,exec -D /dev/stdout "$program" count "$1" "$2" "$3" | grep -c '^Trace'
}
echo "# network isa instructions_per_frame products_per_instruction"
for network; do
	for isa in neon dotprod; do
		products=$(qemu-aarch64-static -cpu max "$program" count "$network" $isa 1 | sed -n 's/^products //p')
		one=$(executed "$network" $isa 1)
		two=$(executed "$network" $isa 2)
		awk -v n="$network" -v i=$isa -v a="$one" -v b="$two" -v p="$products" \
			'BEGIN { printf "%s %s %d %.1f\n", n, i, b - a, p / (b - a) }'
	done
done
