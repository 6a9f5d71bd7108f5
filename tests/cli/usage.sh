#!/bin/sh
# SPDX-License-Identifier: MIT
# Exit statuses, usage errors, parts that are not there, the vendor's names.
. "$(dirname "$0")/common.sh"

run "$akida"; fails "no command" 2 'no command'
run "$akida" frobnicate; fails "unknown command" 2 "unknown command 'frobnicate'"
run "$akida" help; expect "help" 0 'quantize'
run "$akida" --help; expect "--help" 0 'usage: akida'
run "$akida" help run; expect "help of a command" 0 '^usage: akida run'
run "$akida" version; expect "version" 0 '^[0-9]+\.[0-9]+\.[0-9]+$'
for c in devices info summary check quantize convert map run eval program reset power; do
	run "$akida" $c --help; expect "$c --help" 0 '^usage: '
	run "$akida" $c --no-such-option; fails "$c with an unknown option" 2 "unknown option '--no-such-option'"
done
for c in doctor top snn; do
	run "$akida" $c; fails "$c is refused by name" 1 "^akida: $c: not available in this version"
done
for c in reset power; do
	run "$akida" $c; fails "$c without a board" 2 'needs -d'
	run "$akida" $c -d /dev/akida99; fails "$c of a board that is not there" 1 'cannot be opened'
	run "$akida" $c -d virtual:akd1000; fails "$c of what is no board" 1 'board'
done
run "$akida" power -d virtual:akd1000 -t 0; fails "power for no time" 2
run "$akida" summary; fails "summary without a file" 2 'needs a FILE'
run "$akida" quantize; fails "quantize without a model" 2 'needs -m'
run "$akida" run -m; fails "option without its value" 2 'needs a value'
run "$akida" quantize -m x.h5 -w nine; fails "weight bits that are no number" 2 'whole number'
run "$akida" quantize -m x.h5 -w 99; fails "weight bits out of range" 2 'from 1 to 8'
run "$akida" quantize -m x.h5 -w -4; fails "negative weight bits" 2 'whole number'
run "$akida" quantize -m x.h5 -id float32; fails "input type that is not there" 2 "uint8 or int8, not 'float32'"
run "$akida" quantize -m x.h5 -c c.json; fails "quantization config that is not there" 1 '^akida: c.json: No such file'
run "$akida" convert -m x.h5 --akida v3; fails "convert to v3" 2 'v1 or v2'
run env CNN2SNN_TARGET_AKIDA_VERSION=v3 "$akida" convert -m x.h5; fails "v3 by environment" 2 'v1 or v2'
run "$akida" check x.h5 --for tpu; fails "check for an unknown chip" 2 'akd1000, akd1500 or akida2'
run "$akida" map -m x.h5 -d virtual:akd1000 --mode best; fails "unknown mapping mode" 2 'minimal'
run "$akida" map -m x.h5 -d virtual:akd1000 --smallest; fails "map --smallest with a device" 2 'leave -d out'
run "$akida" map -m x.h5 -d cpu; fails "map to cpu" 1 'needs no mapping'
run "$akida" eval -m x.h5; fails "eval without data" 2 'needs -m FILE and --data'
run "$akida" eval -m x.h5 --data digits --float -d cpu; fails "eval --float with a device" 2 'no -d'
run "$akida" program; fails "program without an action" 2 'needs an action'
run "$akida" program verify; fails "program verify without a file" 2 'needs a FILE'
run "$akida" program verify x -s y; fails "an option of another action" 2 'belongs to program decompile'
run "$akida" program decompile /nonexistent.akp; fails "decompile of no file" 1 'No such file'
run "$akida" program frob x; fails "unknown program action" 2 'unknown action'
run "$akida" search; fails "search without a task" 2 'needs a task'
run "$akida" map -m x.h5 -d virtual:akd1000 --mode; fails "mapping mode without its value" 2 'needs a value'
run "$akida" train; fails "train without a task" 2 'needs a task'
run "$akida" train yolo; fails "train yolo" 1 'not available'
run "$akida" train nonsense; fails "unknown task" 2 'unknown task'
run "$akida" train mnist tune; fails "train mnist tune" 1 'not available'
run "$akida" train mnist train --optimizer foo --data digits; fails "unknown optimizer" 2 'adam or sgd'
run "$akida" summary a b; fails "one word too many" 2 "unexpected word 'b'"
run "$akida" run -m a b; fails "a file by option and as a word" 2 "unexpected word 'b': the file is 'a' already"
run "$akida" "two
lines"; fails "control characters stay out of messages" 2 "unknown command 'two[?]lines'"
run "$bench" --frames 0; fails "bench with zero frames" 2 'whole number'
run "$bench" --batch 254; fails "bench with a batch above 253" 2 'from 1 to 253'
run "$bench" --clock 100 -d virtual:akd1000; fails "bench with an unknown clock mode" 1 'known: performance, economy, low-power'
run "$bench" --clock economy -d cpu; fails "bench with the clock of the cpu" 1 'clock cannot be chosen'
run "$bench" word; fails "bench with a plain word" 2 'unexpected word'
run "$bench" --help; expect "bench --help" 0 '^usage: akida-bench'

run "$B/bin/quantizeml" version; expect "quantizeml version" 0 '^[0-9]'
run "$B/bin/quantizeml" quantize --help; expect "help under the vendor's name" 0 '^usage: quantizeml quantize -m'
run "$B/bin/quantizeml" quantize; fails "quantizeml quantize without a model" 2 '^quantizeml: .*needs -m'
run "$B/bin/quantizeml" insert_rescaling -s 2; fails "insert_rescaling without a model" 2 'needs -m'
run "$akida" quantize -m x.h5 --akida v3; fails "quantize for a version that is not there" 2 "v1 or v2"
run "$B/bin/quantizeml" config -m x; fails "quantizeml config" 1 '^quantizeml: x: No such file'
run "$B/bin/cnn2snn" convert; fails "cnn2snn convert without a model" 2 '^cnn2snn: .*needs -m'
run "$B/bin/cnn2snn" reshape; fails "cnn2snn reshape without sizes" 2 '^cnn2snn: reshape needs -ih HEIGHT and -iw WIDTH'
run "$B/bin/cnn2snn" calibrate; fails "cnn2snn calibrate without a method" 2 'bc or adaround'

run "$B/bin/akida_models" list; expect "akida_models list" 0 '^akidanet_imagenet +v1 v2 .*-c -i -a'
run "$akida" models create -s "$work/zoo" ds_cnn_kws -c 12 --akida v1; expect "models create" 0 'Model saved as .*zoo.h5'
run "$akida" models summary -m "$work/zoo.h5"; expect "models summary" 0 'separable_4'
run "$akida" models sparsity -m "$work/zoo.h5" -ns 2; expect "models sparsity" 0 '^mean +0[.][0-9]'
run "$akida" models sparsity -m "$work/zoo.h5" -l conv_0,nope; fails "sparsity of a layer that is not there" 1 'has no layer nope'
run "$akida" models sparsity -m "$model"; fails "sparsity of a converted model" 1 'not a network'
run "$akida" models create gxnor_mnist -a 0.5; fails "an option the network does not have" 1 'has no alpha.*leave it out'
run "$akida" models create nothing; fails "an unknown network" 1 'akida models list'
run "$akida" models create akidanet_edge_imagenet; fails "a network without its base" 1 'base_weights'
run "$akida" models create -s "$work/no/where" gxnor_mnist; fails "create into a missing folder" 1
run "$akida" models create centernet --akida v1; fails "a version the network does not exist for" 1 'does not exist for Akida version 1'
run "$akida" models unfuse -m x; fails "models unfuse" 1 'not available'

run "$akida" devices; expect "devices" 0 '^virtual:akd1500 '
run "$akida" devices --json; cp "$work/out" "$work/j"
json_ok "devices --json" "$work/j" "[d['name'] for d in j['devices']][:4] == ['cpu', 'virtual:akd1000', 'virtual:akd1500', 'virtual:akida2']"
run "$akida" info; expect "info" 0 '^Toolchain: installed'
run "$akida" info -d virtual:akd1500; expect "info of a device" 0 '^Chip: AKD1500'
run "$akida" info -d /dev/null; fails "info of something else" 1
run "$akida" info -d /dev/akida00000000000000000000000000000000000; fails "a device name that is too long" 1 'longer than'
run "$akida" info -d nonsense; fails "info of an unknown device" 1 'nonsense'

# A full disk must not look like success.
if [ -c /dev/full ]; then
	run sh -c "$akida help > /dev/full"; fails "help that cannot be written" 1 'could not be written'
	run sh -c "$bench --help > /dev/full"; fails "help of the bench that cannot be written" 1 'could not be written'
	run sh -c "$akida devices > /dev/full"; expect "standard output that cannot be written" 1 'could not be written'
fi

# Without the toolchain library the runtime works and the rest says what is missing.
mkdir -p "$work/inst/bin" "$work/inst/lib"
cp "$B/bin/akida" "$work/inst/bin"
cp -L "$B/lib/libakida.so.0" "$work/inst/lib"
printf '\211HDF\r\n\032\n' > "$work/x.h5"
run "$work/inst/bin/akida" summary "$work/x.h5"; fails "toolchain library absent" 1 'libakida-tools.so: is not installed.*sys.missing-part'
run "$work/inst/bin/akida" devices; expect "devices without the toolchain library" 0 'virtual:akd1000'
[ -f "$model" ] && { run "$work/inst/bin/akida" run -m "$model" -d cpu; expect "run on cpu without the toolchain library" 0 '^Frames: 1'; }
exit $status
