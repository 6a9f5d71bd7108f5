#!/bin/sh
# SPDX-License-Identifier: MIT
# The journey on data the program draws itself: train, quantize, convert, map, run; and each stage left out.
. "$(dirname "$0")/common.sh"

run "$akida" train mnist train --data digits --frames 600 -e 3 --seed 7 -s "$work/net.h5"
expect "train on drawn digits" 0 'Saved'
[ -f "$work/net.h5" ] || exit 1
run "$akida" train mnist train --data digits --frames 600 -e 3 --seed 7 -s "$work/again.h5"
run "$akida" train mnist train --data digits --frames 600 -e 1 --checkpoint "$work/best.h5" -s "$work/one.h5"
cmp -s "$work/best.h5" "$work/one.h5" && ok "the checkpoint of the only epoch is the result" || not_ok "checkpoint"
run "$akida" train mnist train --data digits --checkpoint /nonexistent/c.h5 -s "$work/two.h5"
fails "an unwritable checkpoint is refused before training" 1 'nonexistent/c.h5'
run "$akida" summary "$work/net.h5"; expect "summary of a float network" 0 'Model Summary.*float graph'
run "$akida" train mnist eval -m "$work/net.h5" --data digits; expect "evaluate in float" 0 '^Accuracy: [0-9]+/1000'
run "$akida" check "$work/net.h5" --for akd1000; expect "check of a network that fits" 0 'can run on akd1000'
run "$akida" check "$work/net.h5" --for akd1500 --json; cp "$work/out" "$work/j"
json_ok "check --json" "$work/j" "j['schema'] == 'akida-check/1' and j['result'] == 'compatible' and j['errors'] == 0"

run "$B/bin/quantizeml" quantize -m "$work/net.h5" -w 4 -a 4 -i 8; expect "quantizeml quantize names its output" 0 'Saved .*net_i8_w4_a4.h5'
run "$akida" quantize -m "$work/net.h5" --akida v2 -s "$work/v2.h5"; expect "quantize for Akida 2" 0 '8/8/8'
run "$akida" convert -m "$work/v2.h5" --akida v2 -s "$work/v2.akm"; expect "convert to Akida 2" 0 'Saved'
run "$akida" check "$work/v2.h5" --for akida2 --compare; expect "each layer beside float" 0 'Largest difference: 0\.'
run "$akida" check "$work/v2.h5" --for akida2 --compare --json; expect "the same in JSON" 0 '"schema": *"akida-compare/1"'
run "$akida" check "$work/v2.akm" --for akida2; expect "a converted model on the mesh" 0 'can run on akida2'
run "$akida" check "$work/v2.akm" --compare; fails "float weights are not in a model" 1 'needs a network'
run "$akida" eval -m "$work/v2.h5" -d virtual:akida2 --data digits --frames 200; expect "the mesh runs it" 0 'Accuracy: '
run "$akida" eval -m "$work/v2.h5" --float --data digits --frames 200; want=$(grep -o 'Accuracy: .*' "$work/out")
run "$akida" eval -m "$work/v2.akm" -d cpu --data digits --frames 200; expect "Akida 2 classifies as the quantized network does" 0 "${want:-none}"
run "$akida" summary "$work/net_i8_w4_a4.h5"; expect "summary of a quantized network" 0 'quantized graph'
run "$akida" quantize -m "$work/net_i8_w4_a4.h5"; fails "quantize twice" 1 'quantized already'
run "$B/bin/cnn2snn" convert -m "$work/net_i8_w4_a4.h5"; expect "cnn2snn convert names its output" 0 'Saved .*net_i8_w4_a4.akm'
m=$work/net_i8_w4_a4.akm
run "$akida" summary "$m"; expect "summary of a model" 0 '\(InputConv\.\)'
run "$akida" convert -m "$work/net.h5" -s "$work/auto.akm"; expect "convert quantizes a float network and says so" 0 'note: quantizing .* 8/4/4 .* random samples'
cmp -s "$m" "$work/auto.akm" && ok "the added stage gives the same model" || not_ok "the added stage gives another model"

for chip in akd1000 akd1500; do
	p=$work/$chip.akp
	run "$akida" map -m "$m" -d virtual:$chip -s "$p"; expect "map to $chip" 0 'Weakest tag: '
	run "$akida" map -m "$m" -d virtual:$chip --json; cp "$work/out" "$work/j"
	json_ok "map --json for $chip" "$work/j" "j['schema'] == 'akida-map/1' and j['device'] == '$chip' and set(['mode','nps','hrc','passes','program_bytes','memory_bytes','sequences','layers']) <= set(j) and all(set(['name','type','nps','passes','cycles','sparsity','energy_uj','tag']) <= set(l) for l in j['layers']) and j['nps'] == sum(l['nps'] for l in j['layers']) == len(j['mesh'])"
	run "$akida" summary "$p"; expect "summary of a program for $chip" 0 'HW/.*\(Hardware\) - size: [0-9]+ bytes'
	run "$akida" program dump "$p"; expect "dump of a program for $chip" 0 '^weakest tag: '
	run "$akida" program verify "$p"; expect "verify of a program for $chip" 0 'words: safe and complete for AKD'
	run "$akida" program decompile "$p" -s "$work/back.akm"; expect "decompile of a program for $chip" 0 'again .minimal.: the same [0-9]+ bytes'
	run "$akida" map -m "$work/back.akm" -d virtual:$chip -s "$work/back.akp"
	run "$akida" run -m "$work/back.akm" -d cpu; expect "decompiled layers for $chip run" 0 '^Frames: 1, 10 outputs'
	run "$akida" check "$p" --for $chip; expect "check of a program for $chip" 0 'can run on'
	run "$akida" map -m "$p" -d $chip; fails "map a program for $chip again" 1 'mapped program already'
done
run "$akida" map -m "$m" --smallest --mode all-nps --svg "$work/mesh.svg"; expect "map to the smallest chip, all NPs" 0 'Device: akd1500, mapping: all-nps'
xml="import sys, xml.dom.minidom as d; r = d.parse(sys.argv[1]).getElementsByTagName('rect'); sys.exit(len(r) < 33)"
python3 -c "$xml" "$work/mesh.svg" && ok "map --svg draws every NP" || not_ok "map --svg draws every NP"
run "$akida" map -m "$m" -d akd1000 --svg /nonexistent/x.svg; fails "unwritable drawing" 1 'cannot be written'
run "$akida" run -m "$work/akd1500.akp" -d virtual:akd1000; expect "program of another chip" 1 '^akida: '
run "$akida" check "$work/akd1500.akp" --for akd1000; fails "check of a program of another chip" 1 'another chip'

/usr/bin/python3 -c "
import numpy as np, sys
r = np.random.default_rng(3)
x = r.integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)
np.save('$work/x.npy', x); np.savez('$work/x.npz', a=x[:12], b=x[12:]); x.tofile('$work/x.bin')" 2> /dev/null || {
	skip "runs on given inputs" "python3-numpy is not installed"
	exit $status
}
/usr/bin/python3 -c "
import numpy as np
np.save('$work/dark.npy', np.zeros((8, 28, 28, 1), np.uint8))"
run "$akida" quantize -m "$work/net.h5" -sa "$work/dark.npy" -s "$work/dark.h5"
expect "warnings of a stage are told as notes" 0 'note: .*\(quant\.range\)'
for d in cpu virtual:akd1000 virtual:akd1500; do
	run "$akida" run -m "$m" -d $d -i "$work/x.npy" -o "$work/$d.npy" --potentials; expect "run on $d" 0 '^Frames: 20, 10 outputs'
done
cmp -s "$work/cpu.npy" "$work/virtual:akd1000.npy" && ok "cpu and virtual:akd1000 agree" || not_ok "cpu and virtual:akd1000 differ"
cmp -s "$work/cpu.npy" "$work/virtual:akd1500.npy" && ok "cpu and virtual:akd1500 agree" || not_ok "cpu and virtual:akd1500 differ"
/usr/bin/python3 -c "
import numpy as np
x = np.load('$work/x.npy')
np.save('$work/rows.npy', x.reshape(20, 784)); np.save('$work/first.npy', x[0]); np.save('$work/plain.npy', x[..., 0])
np.save('$work/wide.npy', x.reshape(10, 28, 56, 1)); np.save('$work/turned.npy', x.reshape(20, 14, 56, 1))
np.savez('$work/few.npz', x=x.reshape(1, 20, 28, 28), y=np.zeros(1, np.int32))"
for i in wide turned; do
	run "$akida" run -m "$m" -d cpu -i "$work/$i.npy"; fails "frames of another shape: $i" 1 'is not frames of 28 x 28 x 1 \(data.shape\)'
done
run "$akida" eval -m "$m" -d cpu --data npz:"$work/few.npz"; fails "more frames than labels" 1 '\(data\.'
run "$akida" run -m "$m" -d cpu -i "$work/first.npy"; expect "one frame without an axis of frames" 0 '^Frames: 1,'
for i in x.npz x.bin rows.npy plain.npy; do
	run "$akida" run -m "$m" -d cpu -i "$work/$i" -o "$work/o.npy" --potentials
	cmp -s "$work/cpu.npy" "$work/o.npy" && ok "input as $i" || not_ok "input as $i gives other outputs"
done
run "$akida" run -m "$work/net.h5" -d cpu -i "$work/x.npy" -o "$work/o.npy" --potentials; expect "run a float network: all stages said" 0 'note: converting'
cmp -s "$work/cpu.npy" "$work/o.npy" && ok "all stages at once give the same" || not_ok "all stages at once give another result"
run "$akida" run -m "$work/akd1000.akp" -d virtual:akd1000 -i "$work/x.npy" -o "$work/o.npy" --potentials
cmp -s "$work/cpu.npy" "$work/o.npy" && ok "the program file gives the same" || not_ok "the program file gives another result"
run "$akida" run -m "$work/akd1000.akp" -d virtual:akd1000 -i "$work/x.npy" --batch 7 -o "$work/o.npy" --potentials
cmp -s "$work/cpu.npy" "$work/o.npy" && ok "a batch of 7 gives the same" || not_ok "a batch of 7 gives another result"
run "$akida" run -m "$m" -d cpu -i "$work/x.npy" -o "$work/f.npy"
/usr/bin/python3 -c "
import numpy as np
p, f = np.load('$work/cpu.npy'), np.load('$work/f.npy')
assert p.dtype == np.int32 and f.dtype == np.float32 and p.shape == f.shape == (20, 10), (p.dtype, f.dtype, p.shape, f.shape)" 2> "$work/err" &&
	ok "potentials are int32, predictions float32" || not_ok "types of the outputs"
run "$akida" eval -m "$m" -d cpu --data digits --json; cp "$work/out" "$work/j"
json_ok "eval --json" "$work/j" "j['accuracy']['total'] == 1000"
exit $status
