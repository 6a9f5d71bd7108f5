#!/bin/sh
# SPDX-License-Identifier: MIT
# akida learn: three drawn digits that a network has not seen, from a few samples each; spoken ones where the data is there.
. "$(dirname "$0")/common.sh"

few() { echo "$1" | sed -n 's|^Accuracy: \([0-9]*\)/\([0-9]*\) .*|\1 \2|p'; }
above() { # NAME PERCENT: the last run's accuracy
	set -- "$1" "$2" $(few "$(cat "$work/out")")
	[ $# -eq 4 ] && [ $((100 * $3)) -gt $(($2 * $4)) ] && ok "$1: $3 of $4" || not_ok "$1: ${3:-nothing} of ${4:-nothing}, not above $2 %"
}

run "$akida" train mnist train --network c5x16s2nr6-c3x32s2nr6-s3x64gnr6-s3x256nr6-d7 --data digits --labels 0-6 --frames 3000 -e 4 --threads 1 -s "$work/net.h5"
expect "a network for seven digits" 0 'Saved'
run "$akida" learn -m "$work/net.h5" --data digits --labels 7-9 --shots 5 --test digits --seed 3 -s "$work/learned.akm"
expect "says that it is provisional" 0 '^Edge learning: provisional'
above "three new digits from five samples each" 42
run "$akida" summary "$work/learned.akm"; expect "the model is one as others" 0 'learning'
run "$akida" learn -m "$work/learned.akm" --data digits --labels 7-9,0 --shots 5; expect "a fourth class" 0 '4 classes'
run "$akida" map -m "$work/learned.akm" -d akd1000 --hw-only; expect "a learning layer does not go onto the chip" 1 'learning layers'
run "$akida" learn -m "$work/net.h5" --data digits --labels 7-9 --shots 5 --test digits --seed 3; cpu=$(grep '^Accuracy' "$work/out")
for d in virtual:akd1000 virtual:akd1500; do
	run "$akida" learn -m "$work/net.h5" -d $d --data digits --labels 7-9 --shots 5 --test digits --seed 3
	expect "layers in front on $d" 0 "Layers in front: $d; the learning layer: this host"
	[ "$(grep '^Accuracy' "$work/out")" = "$cpu" ] && ok "$d learns as cpu does" || not_ok "$d learns something else"
done
run "$akida" learn -m "$work/net.h5" --data digits --labels 7-; fails "a malformed list" 2 'no list of labels'
run "$akida" learn -m "$work/net.h5" --data digits --labels 77; fails "labels that are not there" 1 'labelled 77'
run "$akida" learn -m "$work/net.h5" --data random; fails "samples without labels" 1 'no labels'
run "$akida" learn -m "$work/net.h5" --data digits --num_weights 9999; fails "more weights than inputs" 1 'number of inputs'

kws=$SHARED/data/kws_fsdd
[ -f "$kws/features_train.npz" ] || { skip "spoken digits" "no $kws"; exit $status; }
run "$akida" train mnist train --network i49x10x1-c5x64s2nr6-s3x64nr6-s3x64nr6-s3x64gnr6-s3x512nr6-d7 --labels 0-6 --threads 1 \
	--data "npz:$kws/features_train.npz" -e 40 -b 64 -lr 0.004 --final_learning_rate 0.00001 -s "$work/kws.h5"
expect "a network for seven words" 0 'Saved'
run "$akida" learn -m "$work/kws.h5" --data "npz:$kws/features_train.npz" --test "npz:$kws/features_test.npz" --labels 7-9 --shots 20 \
	--neurons 3 -sa "npz:$kws/features_train.npz"
expect "three words that it has not heard" 0 'Learning layer: 512 inputs, 9 neurons, 3 classes'
above "three words from 20 samples each" 60
exit $status
