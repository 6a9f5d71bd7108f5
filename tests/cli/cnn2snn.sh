#!/bin/sh
# SPDX-License-Identifier: MIT
# cnn2snn with its legacy actions: quantize, calibrate, reshape, convert with input scaling.
. "$(dirname "$0")/common.sh"
c=$B/bin/cnn2snn
cp tools/akida-bench/models/mnist.h5 "$work/net_iq2_wq2_aq2.h5"
net=$work/net_iq2_wq2_aq2.h5

run "$c" quantize -m "$net" -wq 4 -aq 4 -iq 8; expect "quantize replaces the widths in the name" 0 'Saved .*/net_iq8_wq4_aq4.h5'
q=$work/net_iq8_wq4_aq4.h5
run "$akida" summary "$q"; expect "summary of a legacy network" 0 'quantized graph'
run "$c" quantize -m "$net" -wq 3; fails "weights of 3 bits" 1 'quant\.parameters'
run "$c" quantize -m "$net" -wq x; fails "a width that is no number" 2
run "$c" quantize -m "$q" -wq 0 -aq 4; fails "back to float" 1 'quant\.already-quantized'
run "$c" quantize -m "$q" -wq 2 -aq 2 -s "$work/two.h5"; expect "other widths for a quantized network" 0 'Saved'
run "$c" convert -m "$q"; expect "convert names its output" 0 'Saved .*net_iq8_wq4_aq4.akm'
run "$akida" eval -m "$q" --float --data digits --frames 300; expect "evaluate the quantized network" 0 'Accuracy'
run "$akida" eval -m "$work/net_iq8_wq4_aq4.akm" -d cpu --data digits --frames 300; expect "evaluate its layers" 0 'Accuracy'
run "$akida" map -m "$work/net_iq8_wq4_aq4.akm" -d akd1500; expect "map its layers" 0 'Weakest tag'
run "$c" convert -m "$q" -sc 255; fails "a Rescaling and a scale" 1 'begins with a Rescaling already'
run "$c" convert -m "$q" -sc -2; fails "a negative scale" 2
run "$B/bin/quantizeml" extract --data digits -s "$work/s.npz" -bs 16 -nb 2
run "$c" calibrate bc -m "$q" -sa "$work/s.npz"; expect "bias correction names its output" 0 'Saved .*_bc_calibrated.h5'
run "$c" calibrate adaround -m "$q" -sa "$work/s.npz" -e 2 -lr 0.01 -act -bs 8; expect "adaround names its output" 0 'Saved .*_adaround_calibrated.h5'
run "$c" convert -m "${q%.h5}_adaround_calibrated.h5"; expect "convert a calibrated network" 0 'Saved'
run "$c" calibrate -m "$q" -sa "$work/s.npz"; fails "calibrate without a method" 2
run "$c" calibrate bc -m "$q"; fails "calibrate without samples" 2
run "$c" calibrate bc -m "$net" -sa "$work/s.npz"; fails "calibrate a float network" 1 'quant\.calibrate'
run "$akida" models create -s "$work/a.h5" akidanet_imagenet -i 32 -a 0.25 -c 5 --akida v1; expect "a network for another size" 0 'saved as'
run "$c" reshape -m "$work/a.h5" -ih 64 -iw 96; expect "reshape names its output" 0 'Saved .*a_64_96.h5'
run "$akida" summary "$work/a_64_96.h5"; expect "the network has the new size" 0 '\[64, 96, 3\]'
run "$c" reshape -m "$net" -ih 32 -iw 32; fails "reshape where a dense layer reads the map" 1 'graph\.'
run "$c" reshape -m "$net" -ih 32; fails "reshape without a width" 2
exit $status
