#!/bin/sh
# SPDX-License-Identifier: MIT
# The proofs on real data: vendor-compiled programs, MNIST, real networks. Skipped by name where the data is not there.
. "$(dirname "$0")/common.sh"
data=$SHARED/data
have() { # NAME FILES...: skip NAME unless every file is there
	name=$1
	shift
	for f in "$@"; do
		[ -e "$f" ] || { skip "$name" "$f is not there"; return 1; }
	done
}
same_as() { # NAME NPY RAW SHAPE: int32 outputs equal the recorded ones
	if /usr/bin/python3 -c "
import numpy as np
a, b = np.load('$2'), np.fromfile('$3', '<i4').reshape($4)
a = a.reshape(b.shape)
n = int((a == b).all(axis=1).sum())
print(n, 'of', len(b), 'frames')
assert n == len(b)" > "$work/out" 2> "$work/err"; then
		ok "$1: $(cat "$work/out")"
	else
		not_ok "$1"
	fi
}

p=$data/programs
if have "KWS program of the vendor" $p/kws_akd1500_v250_program.bin $p/kws_emulated_inputs_30x490_u8.bin $p/kws_emulated_potentials_30x12_i32.bin; then
	run "$akida" run -m $p/kws_akd1500_v250_program.bin -d virtual:akd1500 -i $p/kws_emulated_inputs_30x490_u8.bin -o "$work/o.npy" --potentials
	expect "KWS program of the vendor runs" 0 'Not understood by the software NSoC: 0 events'
	same_as "KWS potentials" "$work/o.npy" $p/kws_emulated_potentials_30x12_i32.bin "(30, 12)"
	run "$akida" program verify $p/kws_akd1500_v250_program.bin
	expect "KWS program of the vendor is safe and complete" 0 '^7 tracks, 33 packets, 5330 words: safe and complete'
	run "$akida" program decompile $p/kws_akd1500_v250_program.bin -s "$work/kws.akm"
	expect "KWS program decompiled and mapped again is the vendor's" 0 'the same 22112 bytes'
	run "$akida" run -m "$work/kws.akm" -d cpu -i $p/kws_emulated_inputs_30x490_u8.bin -o "$work/o.npy" --potentials
	expect "decompiled KWS layers run on the cpu" 0
	same_as "potentials of the decompiled KWS layers" "$work/o.npy" $p/kws_emulated_potentials_30x12_i32.bin "(30, 12)"
	run "$akida" summary $p/kws_akd1500_v250_program.bin
	expect "summary of the KWS program shows tags" 0 '(verified|derived|provisional)'
	expect "summary gives shapes as height, width, channels" 0 '^layer_0 \(InputConv\.\) +\[25, 5, 64\] +\(5, 5, 1, 64\)'
	expect "summary of a dense layer" 0 '^layer_5 \(Fully\.\) +\[1, 1, 12\] +\(1, 1, 64, 12\)'
fi
vww_out=$(ls $p/vww_*potentials*i32.bin 2> /dev/null | head -n 1)
vww_in=$(ls $p/vww_*inputs*u8.bin 2> /dev/null | head -n 1)
if have "VWW program of the vendor" $p/vww_akd1500_v250_program.bin "${vww_in:-$p/vww_inputs}" "${vww_out:-$p/vww_potentials}"; then
	run "$akida" run -m $p/vww_akd1500_v250_program.bin -d virtual:akd1500 -i "$vww_in" -o "$work/o.npy" --potentials
	expect "VWW program of the vendor runs" 0 'Not understood by the software NSoC: 0 events'
	same_as "VWW potentials" "$work/o.npy" "$vww_out" "(5, -1)"
fi
if have "presence program of the vendor" $p/presence96_gray_akd1500_v250_program.bin; then
	run "$akida" run -m $p/presence96_gray_akd1500_v250_program.bin -d virtual:akd1500
	expect "presence program of the vendor runs without an unknown" 0 'Not understood by the software NSoC: 0 events'
fi

onnx() { # FILE CORRECT SCALE OFFSET: as ../shared/data/models/README.md measured it
	have "accuracy of $1" "$data/models/$1" "$data/mnist" || return
	run "$akida" eval -m "$data/models/$1" --data "mnist:$data/mnist" --float --scale "$3" --offset "$4"
	expect "accuracy of $1" 0 "^Accuracy: $2/5000"
}
onnx mnist_cntk_zoo_v8.onnx 4915 1 0
onnx mnist_cnn_torch.onnx 4910 0.00784313725490196 -1
onnx mnist_smallcnn_torch.onnx 4844 0.012728233130318 -0.424212917883804
onnx mnist_mlp_tf2onnx.onnx 4836 0.00392156862745098 0

at_least() { # NAME MODEL CORRECT DEVICE: of the 5000 MNIST images
	run "$akida" eval -m "$2" -d "$4" --data "mnist:$data/mnist" --json
	cp "$work/out" "$work/j"
	json_ok "$1" "$work/j" "j['accuracy']['total'] == 5000 and j['accuracy']['correct'] >= $3"
}
refused() { # NAME FILE CHIP RULES: by exactly these rules, sorted
	run "$akida" check "$2" --for "$3" --json
	cp "$work/out" "$work/j"
	json_ok "$1 is refused for $3 by exactly its rules" "$work/j" \
		"' '.join(sorted({f['rule'] for f in j['findings'] if f['severity'] == 'error'})) == '$4' and j['errors'] > 0"
}
# FILE CORRECT SCALE OFFSET DEVICE V1_RULES [AKIDA2_RULES]: 8 bits on Akida 2, after training, lose at most 1.0 point
quantized() {
	have "8 bits of $1" "$data/models/$1" "$data/mnist" || return
	run "$B/bin/quantizeml" insert_rescaling -m "$data/models/$1" -s "$3" -o "$4" -d "$work/raw.h5"
	run "$akida" quantize -m "$work/raw.h5" --akida v2 -sa "mnist-train:$data/mnist" -s "$work/v2.h5"
	run "$akida" convert -m "$work/v2.h5" --akida v2 -s "$work/v2.akm"
	expect "$1 converts to Akida 2" 0 'Saved'
	at_least "$1 at 8 bits loses at most 1.0 point" "$work/v2.akm" $(($2 - 50)) "$5"
	[ -z "${7:-}" ] || refused "$1" "$work/raw.h5" akida2 "$7"
	run "$akida" quantize -m "$work/raw.h5" --bound-relu -sa "mnist-train:$data/mnist" -s "$work/v1.h5"
	[ -z "$6" ] || refused "bounded, $1" "$work/v1.h5" akd1000 "$6"
}
quantized mnist_cntk_zoo_v8.onnx 4915 1 0 cpu 'v1.pool-padding v1.pool-size' 'v2.pool-padding v2.pool-size'
quantized mnist_smallcnn_torch.onnx 4844 0.012728233130318 -0.424212917883804 cpu 'v1.kernel-size v1.stride' 'v2.stride'
quantized mnist_mlp_tf2onnx.onnx 4836 0.00392156862745098 0 virtual:akida2 'v1.first-layer v1.weight-bits'
quantized mnist_cnn_torch.onnx 4910 0.00784313725490196 -1 cpu '' 'v2.dense-inputs'
if have "mnist_cnn_torch at 8/4/4" "$data/models/mnist_cnn_torch.onnx" "$data/mnist"; then
	refused mnist_cnn_torch.onnx "$work/raw.h5" akd1000 'v1.relu-bound'
	run "$akida" check "$work/v1.h5" --for akd1000; expect "bounded, mnist_cnn_torch can run on akd1000" 0 'can run on akd1000'
	run "$akida" convert -m "$work/v1.h5" -s "$work/v1.akm"
	at_least "mnist_cnn_torch at 8/4/4 loses at most 1.5 points" "$work/v1.akm" $((4910 - 75)) cpu
	run "$akida" eval -m "$work/v1.akm" -d virtual:akd1000 --data "mnist:$data/mnist" --frames 200
	grep '^Accuracy:' "$work/out" > "$work/chip"
	run "$akida" eval -m "$work/v1.akm" -d cpu --data "mnist:$data/mnist" --frames 200
	grep '^Accuracy:' "$work/out" | cmp -s - "$work/chip" && ok "and the chip agrees: $(cat "$work/chip")" || not_ok "the chip disagrees"
fi
if have "ECG network on Akida 2" $data/ecg/quantized_model.h5; then
	run "$akida" check $data/ecg/quantized_model.h5 --for akida2 --compare --json
	cp "$work/out" "$work/j"
	json_ok "each layer of the ECG network is within one code of float" "$work/j" "len(j['layers']) == 5 and all(l['largest'] < 1 for l in j['layers'])"
	refused "ECG network" $data/ecg/quantized_model.h5 akida2 'v2.pool-size'
fi

fbz=$data/fbz
if have "vendor model files" $fbz/README.md; then
	for f in $fbz/*.fbz; do
		run "$akida" summary "$f"
		expect "summary of $(basename "$f")" 0 '^Vendor model file of SDK (2\.3\.3|before 2\.3), [0-9]+ layers'
		run "$akida" run -m "$f" -d cpu -o "$work/o.npy" --potentials
		expect "$(basename "$f") runs on the cpu" 0
	done
	run "$akida" run -m $fbz/mobilenet_edge_224_learned_v1x.fbz -d cpu -i $fbz/mobilenet_edge_inputs_4x224x224x3_u8.bin -o "$work/o.npy"  --potentials
	expect "learned photographs run" 0
	if /usr/bin/python3 -c "
import numpy as np
assert np.load('$work/o.npy').reshape(4, -1).argmax(axis=1).tolist() == [1, 2, 3, 3]" 2> "$work/err"; then ok "each learned photograph has its class"; else not_ok "each learned photograph has its class"; fi
	run "$akida" convert -m $fbz/fomo_224_2class_v233.fbz -s "$work/fomo.akm"
	expect "a vendor model becomes an .akm" 0
fi

if [ -f "$model" ] && have "MNIST accuracy" $data/mnist; then
	for d in virtual:akd1000 virtual:akd1500 cpu; do
		limited 600 "$bench" --json -d $d --data "mnist:$data/mnist"
		cp "$work/out" "$work/j"
		json_ok "at least 97.6 % of 5000 MNIST images on $d" "$work/j" "j['accuracy']['total'] == 5000 and j['accuracy']['correct'] >= 4880"
	done
	gzip -dc $data/mnist/t10k*images*.gz 2> /dev/null | tail -c +17 > "$work/x.bin"
	for d in cpu virtual:akd1000 virtual:akd1500; do
		run "$akida" run -m "$model" -d $d -i "$work/x.bin" --batch 16 -o "$work/$d.npy" --potentials
	done
	cmp -s "$work/cpu.npy" "$work/virtual:akd1000.npy" && cmp -s "$work/cpu.npy" "$work/virtual:akd1500.npy" &&
		ok "the three devices agree on $(($(wc -c < "$work/x.bin") / 784)) frames" || not_ok "the three devices differ"
elif [ ! -f "$model" ]; then
	skip "MNIST accuracy" "no default model in this tree yet"
fi

light=$B/share/akida/models/first-light.akm
if [ -f "$light" ]; then
	run "$akida" map -m "$light" -d virtual:akd1500 --json; cp "$work/out" "$work/j"
	json_ok "first-light for the AKD1500 carries no provisional tag" "$work/j" "all(l['tag'] in ('verified', 'derived') for l in j['layers'])"
	if have "first-light accuracy" $data/mnist; then
		limited 600 "$akida" eval -m tools/akida-bench/models/first-light.h5 --float --data "mnist:$data/mnist" --json
		cp "$work/out" "$work/float"
		limited 600 "$akida" eval -m "$light" -d virtual:akd1500 --data "mnist:$data/mnist" --json
		cp "$work/out" "$work/j"
		json_ok "first-light is within 2 points of its float form" "$work/j" "j['percent'] >= json.load(open('$work/float'))['percent'] - 2 and j['accuracy']['total'] == 5000"
	fi
	run "$akida" run -m "$light" -d virtual:akd1500; expect "first-light runs on virtual:akd1500" 0 'Not understood by the software NSoC: 0 events'
else
	skip "first-light" "the model is not in this tree yet"
fi

info=$p/presence224_akd1500_v250_program_info.bin
if have "ProgramInfo" "$info"; then
	run "$akida" summary $info; expect "a ProgramInfo alone has a summary" 0 '^ProgramInfo only'
	run "$akida" check $info --for akd1500; fails "a ProgramInfo alone cannot run" 1 'program\.info-only'
fi
if have "ECG network" $data/ecg/cnn_model.h5; then
	run "$akida" summary $data/ecg/cnn_model.h5; expect "ECG network loads" 0 'Model Summary'
	limited 10 "$akida" run -m $data/ecg/cnn_model.h5 -d cpu; fails "ECG network is refused for v1 in no time" 1 'v1\.pool-size'
	grep -q quantizing "$work/err" && not_ok "ECG network is quantized before it is refused"
fi
if have "MLPerf resnet8" $data/models/mlperf_tiny_resnet8_cifar10.h5; then
	run "$akida" summary $data/models/mlperf_tiny_resnet8_cifar10.h5; expect "resnet8 loads" 0 '\(Add\)'
	run "$akida" check $data/models/mlperf_tiny_resnet8_cifar10.h5 --for akd1000
	expect "resnet8 is refused for v1" 1 'cannot run on akd1000: [0-9]+ findings?'
	run "$akida" check $data/models/mlperf_tiny_resnet8_cifar10.h5 --for akd1000 --json; cp "$work/out" "$work/j"
	json_ok "each refusal has rule, layer, value, limit and remedy" "$work/j" "j['errors'] > 0 and all(f[k] for f in j['findings'] if f['severity'] == 'error' for k in ('rule', 'layer', 'value', 'limit', 'remedy'))"
fi
if have "vendor's zoo network" $data/models/akidanet_vww.h5; then
	run "$akida" summary $data/models/akidanet_vww.h5; expect "akidanet_vww loads" 0 'Model Summary'
fi
if have "truncated real file" $data/ecg/cnn_model.h5; then
	head -c 40000 $data/ecg/cnn_model.h5 > "$work/cut.h5"
	limited 10 "$akida" summary "$work/cut.h5"; fails "truncated ECG network" 1
fi
exit $status
