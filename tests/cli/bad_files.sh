#!/bin/sh
# SPDX-License-Identifier: MIT
# Files that are not what they should be: one clear line, status 1, within 10 s, nothing half-written.
# make_bad_files.py writes them; its table names each with the defect. The float network is trained here, on drawn digits.
. "$(dirname "$0")/common.sh"

refused() { # NAME PATTERN WORDS...
	name=$1 pattern=$2
	shift 2
	limited 10 "$@"
	[ "$rc" -eq 124 ] && { not_ok "$name (took longer than 10 s)"; return; }
	fails "$name" 1 "$pattern"
}

refused "missing file" 'No such file' "$akida" summary "$work/none.h5"
refused "a folder" 'not a regular file' "$akida" summary "$work"
refused "a device" 'not a regular file' "$akida" summary /dev/zero
: > "$work/empty.h5"; refused "empty .h5" '' "$akida" summary "$work/empty.h5"
: > "$work/empty.akm"; refused "empty .akm" '' "$akida" summary "$work/empty.akm"
: > "$work/empty.bin"; refused "empty program" '' "$akida" summary "$work/empty.bin"
head -c 5000 /dev/urandom > "$work/noise.bin"
refused "noise as program" '' "$akida" summary "$work/noise.bin"
cp "$work/noise.bin" "$work/noise.h5"; refused "noise as .h5" '' "$akida" summary "$work/noise.h5"
cp "$work/noise.bin" "$work/noise.akm"; refused "noise as .akm" '' "$akida" summary "$work/noise.akm"
cp "$work/noise.bin" "$work/m.onnx"; refused "an .onnx" '' "$akida" summary "$work/m.onnx"
cp "$work/noise.bin" "$work/m.fbz"; refused "an .fbz" 'fbz' "$akida" summary "$work/m.fbz"
printf '\211HDF\r\n\032\n' > "$work/magic.h5"; refused "only the magic of HDF5" '' "$akida" summary "$work/magic.h5"
{ printf 'AKIDAAKM'; head -c 3000 /dev/zero; } > "$work/zero.akm"; refused "magic and zeros" '' "$akida" summary "$work/zero.akm"

if [ -f "$model" ]; then
	size=$(wc -c < "$model")
	for at in 8 64 100 $((size / 2)) $((size - 1)); do
		head -c "$at" "$model" > "$work/cut.akm"
		refused "model cut at byte $([ "$at" = $((size - 1)) ] && echo last || echo "$at")" '' "$akida" summary "$work/cut.akm"
	done
	for at in 9 30 70 200 $((size / 2)) $((size - 70)); do
		{ head -c "$at" "$model"; printf '\377\001\177'; tail -c +$((at + 4)) "$model"; } > "$work/flip.akm"
		limited 10 "$akida" run -m "$work/flip.akm" -d cpu
		if [ "$rc" -ge 124 ]; then not_ok "model with changed bytes at $at"; else ok "model with changed bytes at $at ends with $rc"; fi
	done
	run "$akida" map -m "$model" -d akd1000 -s /nonexistent/x.akp; fails "unwritable program" 1
	run "$akida" run -m "$model" -d cpu -o /nonexistent/x.npy; fails "unwritable outputs" 1
	run "$bench" -m "$model" -d cpu --data random --frames 2 --save-json /nonexistent/b.json
	fails "unwritable report" 1 'nonexistent/b.json: cannot be written: No such file'
	head -c 785 /dev/zero > "$work/odd.bin"
	refused "raw input of a wrong size" '' "$akida" run -m "$model" -d cpu -i "$work/odd.bin"
	: > "$work/none.bin"; refused "empty raw input" '' "$akida" run -m "$model" -d cpu -i "$work/none.bin"
	refused "missing input" '' "$akida" run -m "$model" -d cpu -i "$work/missing.npy"
	cp "$work/noise.bin" "$work/noise.npy"; refused "noise as .npy" '' "$akida" run -m "$model" -d cpu -i "$work/noise.npy"
	cp "$work/noise.bin" "$work/noise.npz"; refused "noise as .npz" '' "$akida" run -m "$model" -d cpu -i "$work/noise.npz"
	refused "unknown device" 'virtual:akd9' "$akida" run -m "$model" -d virtual:akd9
	refused "device node without back end" '/dev/akida7' "$akida" run -m "$model" -d /dev/akida7
	refused "missing data folder" '' "$akida" eval -m "$model" -d cpu --data mnist:/nonexistent
	run "$akida" eval -m "$model" -d cpu --data mnist; fails "SPEC without its folder" 2 'no data SPEC'
	run "$akida" eval -m "$model" -d cpu --data tape:x; fails "unknown SPEC" 2 'no data SPEC'
	refused "data without labels" 'no labels' "$akida" eval -m "$model" -d cpu --data random
	refused "a model is no network" 'is a model' "$akida" convert -m "$model"
	refused "a model has no float form" 'is a model' "$akida" quantize -m "$model"
	refused "a model is no program" 'not a program' "$akida" program dump "$model"
else
	skip "damaged models" "no default model in this tree yet"
fi

run "$akida" train mnist train --data digits --frames 64 -e 1 -s "$work/net.h5"
if [ "$rc" -ne 0 ]; then not_ok "train a network to damage"; exit 1; fi
size=$(wc -c < "$work/net.h5")
for part in 1 2 4 6 7; do
	head -c $((size * part / 8)) "$work/net.h5" > "$work/cut.h5"
	refused ".h5 cut at $part/8" '' "$akida" summary "$work/cut.h5"
done
refused "unwritable .h5" '' "$akida" quantize -m "$work/net.h5" -s /nonexistent/q.h5
refused "unwritable .akm" '' "$akida" convert -m "$work/net.h5" -s /nonexistent/q.akm
refused "samples of a wrong shape" '' "$akida" quantize -m "$work/net.h5" -sa "$work/noise.bin" -s "$work/q.h5"
[ -e "$work/q.h5" ] && not_ok "a refused command left its output behind"
leftover=$(find "$work" -name '*.tmp.*')
if [ -n "$leftover" ]; then not_ok "temporary files left: $leftover"; else ok "no temporary files left behind"; fi

if ! /usr/bin/python3 -c 'import h5py' 2> /dev/null; then
	skip "crafted .h5 files" "python3-h5py is not installed"
	exit $status
fi
/usr/bin/python3 "$(dirname "$0")/make_bad_files.py" "$work/net.h5" "$work/bad" > "$work/table" || { not_ok "make_bad_files.py"; exit 1; }
while IFS='|' read -r file defect; do
	limited 10 "$akida" convert -m "$work/bad/$file" -s "$work/bad/out.akm"
	if [ "$rc" -eq 124 ]; then not_ok "$defect (took longer than 10 s)"; else fails "$defect" 1; fi
	[ -e "$work/bad/out.akm" ] && { not_ok "$defect: wrote an output"; rm -f "$work/bad/out.akm"; }
done < "$work/table"
exit $status
