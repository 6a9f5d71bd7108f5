#!/bin/sh
# SPDX-License-Identifier: MIT
# akida-bench on the default model: text, JSON, and what does not depend on the machine.
. "$(dirname "$0")/common.sh"
if [ ! -f "$model" ]; then
	skip "everything" "no default model in this tree yet"
	exit 0
fi

run "$bench" -d virtual:akd1000 --data digits --frames 1500
expect "runs on virtual:akd1000" 0 '^Figures: modelled \(software NSoC\)$'
cp "$work/out" "$work/text"
for line in '^Device: virtual:akd1000$' '^Data: digits \(drawn by the program\), 1500 frames' '^Floor power: [0-9]+\.[0-9][0-9] mW$' \
	'^Average framerate = [0-9]+\.[0-9][0-9] fps$' \
	'^Last inference power range \(mW\):  Avg [0-9.]+ / Min [0-9.]+ / Max [0-9.]+ / Std [0-9.]+$' \
	'^Last inference energy consumed \(mJ/frame\): [0-9.]+$' '^Total memory usage of the inference [0-9]+ Byte$' \
	'^Accuracy: [0-9]+/1500$' '^Latency \(us\): ' '^Quality: [0-9.]+$' '^Framerate of this host = .*measured \(this host\)$'; do
	if grep -qE "$line" "$work/text"; then ok "text has $line"; else not_ok "text has no line $line"; fi
done
# The order users know
order=$(grep -nE '^(Figures|Floor|Average|Last inference power|Last inference energy|Total memory|Accuracy)' "$work/text" | cut -d: -f2 | cut -c1-8 | tr '\n' ' ')
[ "$order" = "Figures Floor po Average  Last inf Last inf Total me Accuracy " ] && ok "order of the lines" || not_ok "order of the lines: $order"

run "$bench" -d virtual:akd1000 --data digits --frames 1500 --json
cp "$work/out" "$work/j1"
keys="['schema','model','device','map','run','power_mw','energy_mj_per_frame','accuracy','sparsity','quality']"
json_ok "JSON has the keys of akida-bench/1" "$work/j1" "j['schema'] == 'akida-bench/1' and all(k in j for k in $keys)"
json_ok "JSON model" "$work/j1" "set(j['model']) == {'file','sha256','layers','parameters'} and len(j['model']['sha256']) == 64"
json_ok "JSON device" "$work/j1" "set(j['device']) == {'name','chip','ip','source','clock_mhz'} and j['device']['source'] == 'model'"
json_ok "JSON map" "$work/j1" "set(j['map']) == {'mode','nps','passes','program_bytes','memory_bytes','tag'} and j['map']['memory_bytes'] > 0"
json_ok "JSON run" "$work/j1" "set(j['run']) == {'frames','batch','fps','latency_us','host_fps','inference_clk','program_clk'} and j['run']['frames'] == 1500 and j['run']['latency_us']['p50'] <= j['run']['latency_us']['p99'] <= j['run']['latency_us']['max']"
json_ok "JSON power" "$work/j1" "set(j['power_mw']) == {'floor','avg','min','max','std'} and j['power_mw']['min'] <= j['power_mw']['avg'] <= j['power_mw']['max']"
json_ok "energy follows from power and rate" "$work/j1" "abs(j['energy_mj_per_frame'] - j['power_mw']['avg'] / j['run']['fps']) <= 0.02 * j['energy_mj_per_frame']"
json_ok "quality formula" "$work/j1" "abs(j['quality'] - (100 - 100 * j['accuracy']['correct'] / j['accuracy']['total']) / j['run']['fps'] * j['power_mw']['avg'] / 1000 * j['map']['memory_bytes']) <= 1e-6 * j['quality'] + 1e-9"
json_ok "sparsity per layer" "$work/j1" "len(j['sparsity']) == j['model']['layers'] and all(0 <= v <= 1 for v in j['sparsity'])"
[ "$(sha256sum < "$model" | cut -d' ' -f1)" = "$(python3 -c "import json;print(json.load(open('$work/j1'))['model']['sha256'])")" ] &&
	ok "sha256 of the model" || not_ok "sha256 of the model"

run "$bench" -d virtual:akd1000 --data digits --frames 1500 --json
cp "$work/out" "$work/j2"
if python3 - "$work/j1" "$work/j2" <<'PY'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:])
for j in (a, b):
    del j["run"]["host_fps"]
sys.exit(a != b)
PY
then ok "modelled figures are the same at every run"; else not_ok "modelled figures differ from run to run"; fi

run "$bench" -d virtual:akd1000 --data random --frames 5 --json; cp "$work/out" "$work/j"
json_ok "a short run has a floor, and no average" "$work/j" "j['power_mw']['floor'] > 0 and j['power_mw']['avg'] is None"
json_ok "no accuracy without labels" "$work/j" "j['accuracy'] is None and j['quality'] is None"
run "$bench" -d cpu --data digits --frames 1500 --json; cp "$work/out" "$work/j"
json_ok "cpu: the host is the source, no power" "$work/j" "j['device']['source'] == 'host' and j['power_mw']['avg'] is None and j['map']['nps'] is None and j['energy_mj_per_frame'] is None"
json_ok "cpu: same accuracy" "$work/j" "j['accuracy']['correct'] == $(python3 -c "import json;print(json.load(open('$work/j1'))['accuracy']['correct'])")"
run "$bench" -d virtual:akd1500 --data digits --frames 1500 --batch 8 --json --save-json "$work/saved.json"; cp "$work/out" "$work/j"
json_ok "virtual:akd1500 in a batch" "$work/j" "j['device']['chip'] == 'AKD1500' and j['run']['batch'] == 8"
cmp -s "$work/j" "$work/saved.json" && ok "--save-json writes what --json prints" || not_ok "--save-json differs from --json"
json_ok "drawn digits are recognised" "$work/j" "j['accuracy']['correct'] >= 1200"
run "$bench" -d virtual:akd1000 --data digits --frames 20 --report "$work/r.html"
expect "--report" 0
if /usr/bin/python3 -c "
import html.parser, sys
t = open('$work/r.html').read()
html.parser.HTMLParser().feed(t)
assert 'modelled (software NSoC)' in t and 'Framerate' in t and 'http' not in t" 2> "$work/err"; then ok "the HTML page stands alone"; else not_ok "the HTML page"; fi
exit $status
