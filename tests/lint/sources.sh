#!/bin/sh
# SPDX-License-Identifier: MIT
# Rules for every file: licence line, no paths of one machine, no package hosts, size, rule ids, script syntax.
set -u
status=0
files=$(git ls-files 2>/dev/null)
[ -n "$files" ] || files=$(find . -path ./build -prune -o -path './build-*' -prune -o -type f -print | sed 's|^\./||' | grep -v '^\.git/')

result() { # name, complaint lines
	if [ -n "$2" ]; then
		echo "$2"
		echo "not ok lint $1"
		status=1
	else
		echo "ok lint $1"
	fi
}

sources=$(echo "$files" | grep -E '\.(c|h|S|sh|py|def|map|mk)$|(^|/)(Makefile|Kbuild)$|^\.ci/run$')

out=$(for f in $sources; do
	[ -f "$f" ] || continue
	head -n 4 "$f" | grep -q 'SPDX-License-Identifier: ' || echo "$f: no SPDX line"
done
for f in $(echo "$files" | grep -E '^driver/core/.*\.[ch]$'); do
	head -n 2 "$f" | grep -q 'GPL-2.0-only OR MIT' || echo "$f: the protocol core is GPL-2.0-only OR MIT"
done)
result spdx "$out"

texts=$(echo "$files" | grep -vE '\.(akm|akp|npy|npz|h5|bin|gz)$|^LICENSES/')
out=$(for f in $texts; do
	[ -f "$f" ] || continue
	case $f in tests/lint/sources.sh) continue ;; esac
	grep -nE '(^|[^A-Za-z0-9_.])/(work|home|root)/|deb\.debian\.org|pypi\.org|files\.pythonhosted|registry\.npmjs' "$f" | sed "s|^|$f:|"
done)
result "no paths of a machine" "$out"

# Data from ../shared must not get in: committed binaries are ours and few.
out=$(for f in $(echo "$files" | grep -E '\.(bin|fbz|h5|npz|onnx|gz)$'); do
	case $f in tests/golden/*|tests/abi/*|tools/akida-bench/models/*) ;; *) echo "$f: binary file outside tests/golden, tests/abi, models" ;; esac
done)
result "committed binaries" "$out"

out=$(for f in $(echo "$sources" | grep -E '\.[ch]$'); do
	[ -f "$f" ] || continue
	case $f in libakida/train/onednn.c) continue ;; esac # the one file that knows oneDNN
	n=$(wc -l < "$f")
	[ "$n" -le 900 ] || echo "$f: $n lines; which second reason to exist crept in?"
done)
result "file size" "$out"

out=$(for f in $(echo "$sources" | grep -E '\.sh$|^\.ci/run$'); do sh -n "$f" 2>&1; done)
result "shell syntax" "$out"

out=$(echo "$files" | grep -E '(^|/)[^/]*(utils|misc|helpers)[^/]*\.[ch]$' | sed 's|$|: no utils, misc or helpers|')
result "file names" "$out"

rules=libakida/base/rules.def
symbols=$(sed -n 's/^RULE(\([A-Z0-9_]*\), "\([^"]*\)".*/\1 \2/p' $rules)
out=$(echo "$symbols" | awk '{if (s[$1]++) print "symbol " $1 " twice"; if (i[$2]++) print "id " $2 " twice"}
	$2 !~ /^[a-z0-9]+(\.[a-z0-9-]+)+$/ {print "id " $2 " is not area.name"}')
result "rule ids unique" "$out"
used=$(grep -rhoE 'AK_RULE_[A-Z0-9_]+' libakida --include='*.c' --include='*.h' | sort -u)
out=$(echo "$symbols" | while read -r sym id; do
	echo "$used" | grep -qx "AK_RULE_$sym" || grep -rqF "\"$id\"" tools --include='*.c' || echo "$id: nothing reports this rule"
done)
result "rule ids used" "$out"
out=$(grep -rnE '"(sys|data|device|nsoc|check|quant|tool)\.[a-z-]+"' tools --include='*.c' | while IFS= read -r line; do
	id=$(echo "$line" | grep -oE '"(sys|data|device|nsoc|check|quant|tool)\.[a-z-]+"' | head -n 1 | tr -d '"')
	echo "$symbols" | grep -q " $id\$" || echo "$line: not in $rules"
done
grep -rnE 'tool_error\([^;]*, NULL, "' tools --include='*.c' | sed 's/$/: an error without a rule/')
result "rule ids of the programs" "$out"
exit $status
