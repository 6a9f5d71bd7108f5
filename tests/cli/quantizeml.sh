#!/bin/sh
# SPDX-License-Identifier: MIT
# quantizeml with the flags its users know: configurations out and in, checks, samples, running a network by itself.
. "$(dirname "$0")/common.sh"
q=$B/bin/quantizeml
net=$B/share/akida/models/mnist.h5
[ -f "$net" ] || net=tools/akida-bench/models/mnist.h5

run "$q" check -m "$net"; expect "check of a float network" 0 'each can be quantized'
run "$q" extract --data digits -s "$work/s.npz" -bs 8 -nb 3; expect "extract writes samples" 0 'Saved .*s.npz: 24 samples'
run "$q" quantize -m "$net" -w 4 -a 4 -sa "$work/s.npz" -s "$work/a.h5"; expect "quantize with extracted samples" 0 'Saved'
run "$q" check -m "$work/a.h5"; expect "check of a quantized network" 0 'calibrated ranges'
run "$q" config -m "$work/a.h5" -o "$work/low.json"; expect "config writes JSON" 0 'Saved'
json_ok "config is a quant_config for each layer" "$work/low.json" "all('buffer_bitwidth' in v for v in j.values()) and any('output_quantizer' in v for v in j.values())"
run "$q" config -m "$work/a.h5"; expect "config prints JSON" 0 '^\{'
cmp -s "$work/out" "$work/low.json" && ok "screen and file are the same" || not_ok "screen and file differ"
cp "$net" "$work/net.h5"
(cd "$work" && "$OLDPWD/$q" quantize -m net.h5 -c low.json -sa s.npz) > "$work/out" 2> "$work/err"; rc=$?
expect "quantize -c is named for the configuration" 0 'Saved .*net_low.h5'
cmp -s "$work/a.h5" "$work/net_low.h5" && ok "its own configuration gives the same file" || not_ok "its own configuration gives another file"
run "$q" config -m "$net"; fails "config of a float network" 1 'quant\.config'
echo '{"gone": {}}' > "$work/bad.json"
run "$q" quantize -m "$net" -c "$work/bad.json"; fails "a configuration of another network" 1 'gone.*quant\.config'
run "$q" quantize -m "$net" -c /nonexistent.json; fails "a configuration that is not there" 1 'No such file'
run "$q" quantize -m "$net" -w 8 -a 8 -lob 8 -b 24 -id int8 -o 8 -s "$work/b.h5"; expect "output, buffer and input types" 0 'Saved'
run "$q" config -m "$work/b.h5" -o "$work/b.json"
json_ok "the last layer has 8 bits, buffers 24" "$work/b.json" "sum('output_quantizer' in v for v in j.values()) >= 2 and all(v['buffer_bitwidth'] == 24 for v in j.values())"
run "$q" quantize -m "$net" -id float32; fails "an input type that is no integer" 2
run "$q" quantize -m "$net" -qu gone; fails "until a layer that is not there" 1 'quant\.config'
run "$q" quantize -m "$net" --input_shape 3; fails "another rank of the input" 1 'axes'
run "$q" quantize -m "$net" --input_shape 3,x; fails "a shape that is none" 2
/usr/bin/python3 -c "
import numpy as np
d = np.load('$work/s.npz')['data']
assert d.dtype == np.uint8 and d.shape == (24, 28, 28, 1), d.shape" 2> "$work/err" || {
	if /usr/bin/python3 -c 'import numpy' 2> /dev/null; then not_ok "samples as NumPy reads them"; else
		skip "samples as NumPy reads them" "python3-numpy is not installed"; fi
	exit $status
}
ok "samples as NumPy reads them"
run "$q" run -m "$net" -i "$work/s.npz" -o "$work/f.npy"; expect "run a float network" 0 'Frames: 24, 10 outputs each, by the float network'
run "$q" run -m "$work/a.h5" -i "$work/s.npz" -o "$work/i.npy"; expect "run a quantized network" 0 'by the integers'
/usr/bin/python3 -c "
import numpy as np
f, i = np.load('$work/f.npy'), np.load('$work/i.npy')
assert f.dtype == i.dtype == np.float32 and f.shape == i.shape == (24, 10)
assert (f.argmax(1) == i.argmax(1)).sum() >= 22" 2> "$work/err" && ok "both see the same digits" || not_ok "float and integers differ"
for kind in single cumulative weight; do
	run "$q" analysis quantization_error $kind -m "$work/a.h5" -sa "$work/s.npz" -bs 4; expect "analysis $kind" 0 '^dense +[01]\.[0-9]+ +[0-9.]+$'
done
run "$q" analysis quantization_error weight -m "$work/a.h5" -tl gone; fails "analysis of a layer that is not there" 1 'gone'
run "$q" analysis quantization_error single -m "$net"; fails "analysis of a float network" 1 'not quantized'
run "$q" analysis quantization_error -m "$work/a.h5"; fails "analysis of no kind" 2
run "$q" run -m "$work/a.h5"; fails "run without inputs" 2
exit $status
