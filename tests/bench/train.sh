#!/bin/sh
# SPDX-License-Identifier: MIT
# Training speed beside the peers, in turns, so that what disturbs the machine disturbs both; medians of ROUNDS.
# Standard output: lines `workload ours peer ratio threads batch peer's-name`, images/s. T=1,2; PEERS: the peers' folder.
set -u
B=${B:-build}
PEERS=${PEERS:-../shared/bench/peers}
ROUNDS=${ROUNDS:-3}
threads=$(echo "${T:-1,2}" | tr , ' ')
RUNNER=${RUNNER:-}

median() { tr ' ' '\n' | grep . | sort -g | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
rate() { awk -v w="$1" '$1 == w {print $5; exit}'; }

peer=
if [ -f "$PEERS/peer_train_onednn.cpp" ] && command -v g++ > /dev/null; then
	mkdir -p "$B/bench/peers" && B=$(cd "$B/bench/peers" && pwd) &&
		make -s -C "$PEERS" B="$B" "$B/peer_train_onednn" "$B/peak" >&2 && peer=$B/peer_train_onednn
	B=${B%/bench/peers}
fi
[ -n "$peer" ] || echo "# no trainer of oneDNN to compare with: $PEERS, or g++, is not there" >&2
torch=
if [ -f "$PEERS/peer_torch.py" ] && /usr/bin/python3 -c 'import torch' 2> /dev/null; then
	torch=$PEERS/peer_torch.py
else
	echo "# no torch to compare with: python3-torch is not installed" >&2
fi

for t in $threads; do
	ours= quantized= onednn= f32= qat=
	for i in $(seq "$ROUNDS"); do
		ours="$ours $($RUNNER "$B/bench/train" T1 "$t" | rate T1)"
		[ -z "$peer" ] || onednn="$onednn $($RUNNER "$peer" -t "$t" 2> /dev/null | rate T1)"
		quantized="$quantized $($RUNNER "$B/bench/train" T1Q "$t" | rate T1Q)"
	done
	if [ -n "$torch" ]; then
		(cd "$PEERS" && $RUNNER /usr/bin/python3 -W ignore peer_torch.py "$B/bench/peers/peak" -n T1,T1Q -t "$t" 2> /dev/null) > "$B/bench/torch.out"
		f32=$(rate T1 < "$B/bench/torch.out")
		qat=$(rate T1Q < "$B/bench/torch.out")
	fi
	show() { # workload, ours, peer's rate, name
		[ -z "${3# }" ] || awk -v w="$1" -v o="$(echo "$2" | median)" -v p="$(echo "$3" | median)" -v t="$t" -v n="$4" \
			'BEGIN {printf "%s %.0f %.0f %.2f %d 100 %s\n", w, o, p, o / p, t, n}'
	}
	show T1 "$ours" "$onednn" onednn
	show T1Q "$quantized" "$onednn" onednn-without-quantizers
	show T1 "$ours" "$f32" torch
	show T1Q "$quantized" "$qat" torch-qat
	[ -n "$peer$torch" ] || echo "T1 $(echo "$ours" | median) - - $t 100 none
T1Q $(echo "$quantized" | median) - - $t 100 none"
done
