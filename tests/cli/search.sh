#!/bin/sh
# SPDX-License-Identifier: MIT
# akida search and the whole of akida train mnist, on drawn digits; with mpirun two ranks, one of them killed.
. "$(dirname "$0")/common.sh"

data="--data digits --test digits --frames 6000"
limited 400 "$akida" train mnist $data -e 2 --tune_epochs 1 --bits 4/4,2/4 -s "$work/mnist"
expect "the assignment on drawn digits" 0 '^Float accuracy: [0-9]+/6000'
for line in '^Floor power: 905.00 mW' '^Average framerate = ' '^Last inference power range' '^Total memory usage of the inference [0-9]+ Byte' \
	'^Accuracy: [0-9]+/6000' '^Quality: ' "^assignment's network, published .* 989.6 " "^best student's, published .* 122.8 "; do
	grep -qE "$line" "$work/out" && ok "prints $line" || not_ok "no line like $line"
done
[ -f "$work/mnist/mnist.h5" ] && [ -f "$work/mnist/mnist_i8_w4_a4.h5" ] && [ -f "$work/mnist/mnist_i8_w2_a4.h5" ] &&
	ok "networks are saved" || not_ok "networks are saved"
run "$akida" train mnist --bits 3/4; fails "bits that the assignment does not have" 2 "not '3/4'"
run "$akida" train mnist --bits 4/4, ; fails "a list that ends in a comma" 2 'bits is a list'
run "$akida" train mnist $data -s /nonexistent/folder; fails "a folder that cannot be made" 1 'cannot be made'
run "$akida" search; fails "search without a task" 2 'needs a task'
run "$akida" search mnist --data digits --test digits --frames 100 --journal "$work/few"; fails "too few images" 1 'too few'

search="search mnist $data -e 3 --trials 5"
limited 400 "$akida" $search --journal "$work/one"
expect "search in one process" 0 '^Best: trial [0-9]+, '
grep '^Best: ' "$work/out" | sed "s| in .*/| in |" > "$work/best"
grep -qE "^mnist .the assignment's. +8/4/4 " "$work/out" && ok "the assignment's network stands beside it" || not_ok "no row of the assignment's network"
[ "$(ls "$work/one" | grep -c 'rung-0.result')" -eq 5 ] && [ -f "$work/one/trial-0000-rung-2.result" ] &&
	[ "$(ls "$work/one" | grep -c 'rung-2.result')" -le 2 ] && ok "five trials become two, with the assignment's among them" || not_ok "rungs"
run "$akida" $search --journal "$work/one"; expect "a finished journal reports at once" 0 '^Best: trial'
grep -q '^rank' "$work/out" && not_ok "a finished journal trains again" || ok "a finished journal trains nothing"
run "$akida" $search --seed 2 --journal "$work/one"; fails "another search in the same folder" 1 'other settings'

if ! command -v mpirun > /dev/null; then
	skip "search over MPI ranks" "openmpi-bin is not installed"
	exit $status
fi
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
ranks() { timeout 400 mpirun -n 2 --oversubscribe --enable-recovery "$akida" $search "$@"; }
ranks --journal "$work/two" > "$work/out" 2> "$work/err" < /dev/null
rc=$?
if grep -q 'built without OpenMPI' "$work/err"; then
	skip "search over MPI ranks" "the library was built without OpenMPI"
	exit $status
fi
expect "search over two ranks" 0 '^Best: trial [0-9]+, '
[ "$(grep -c '^Best: ' "$work/out")" -eq 1 ] && ok "one rank reports" || not_ok "$(grep -c '^Best: ' "$work/out") reports"
grep '^Best: ' "$work/out" | sed "s| in .*/| in |" | cmp -s - "$work/best" && ok "two ranks find what one process finds" || not_ok "two ranks find something else"
grep -q '^rank 1: ' "$work/out" && grep -q '^rank 0: ' "$work/out" && ok "both ranks worked" || not_ok "one rank did everything"

# Training together: what it prints and writes is one process's.
train="train mnist train --data digits --frames 2000 -e 2 -b 100 --threads 1"
timeout 200 "$akida" $train -s "$work/alone.h5" | sed -n 's/, [0-9.]* s (measured.*//p' > "$work/alone"
timeout 200 mpirun -n 2 --oversubscribe "$akida" $train -s "$work/both.h5" > "$work/out" 2> "$work/err" < /dev/null
rc=$?
expect "training in two processes" 0 'Saved .*both.h5'
[ "$(grep -c '^Epoch' "$work/out")" -eq 2 ] && ok "one of them prints" || not_ok "$(grep -c '^Epoch' "$work/out") lines of epochs"
sed -n 's/, [0-9.]* s (measured.*//p' "$work/out" | cmp -s - "$work/alone" && ok "loss and accuracy are those of one process" || not_ok "loss or accuracy differ"
run "$akida" train mnist eval -m "$work/both.h5" --data digits; expect "the network is whole" 0 '^Accuracy: [0-9]+/1000'

# Kill the owner of a running job once a few are done.
(ranks --journal "$work/kill" > "$work/out" 2> "$work/err" < /dev/null; echo $? > "$work/rc") &
killed=
for i in $(seq 600); do
	sleep 0.2
	[ -f "$work/rc" ] && break
	[ "$(ls "$work/kill" 2> /dev/null | grep -c result)" -ge 2 ] || continue
	for claim in "$work/kill"/trial-*.claim; do
		[ -f "${claim%.claim}.result" ] && continue
		killed=$(cut -d' ' -f2 "$claim" 2> /dev/null)
		[ -n "$killed" ] && kill -9 "$killed" 2> /dev/null && break 2
		killed=
	done
done
wait
rc=0
[ -n "$killed" ] && ok "a rank was killed in a running trial" || not_ok "no rank was killed"
expect "the search ends without it" 0 '^Best: trial'
grep '^Best: ' "$work/out" | sed "s| in .*/| in |" | cmp -s - "$work/best" && ok "the result is the same" || not_ok "the result is another one"
grep -c 'left by a process that is gone' "$work/err" | grep -qx 1 && ok "its running trial alone was done again" ||
	not_ok "$(grep -c 'left by a process' "$work/err") trials were done again"
exit $status
