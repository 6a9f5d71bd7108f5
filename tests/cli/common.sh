# SPDX-License-Identifier: MIT
# What the command-line tests share. A test prints `ok`, `not ok` or `skip` lines; its status is 0 when none is `not ok`.
set -u
B=${B:-build}
SHARED=${AKIDA_SHARED:-../shared}
akida=$B/bin/akida
bench=$B/bin/akida-bench
model=$B/share/akida/models/mnist.akm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
area=${PREFIX:-}$(basename "$0" .sh)

ok() { echo "ok cli $area: $1"; }
not_ok() {
	echo "not ok cli $area: $1"
	[ -s "$work/out" ] && sed 's/^/    stdout: /' "$work/out" | head -n 5
	[ -s "$work/err" ] && sed 's/^/    stderr: /' "$work/err" | head -n 5
	status=1
}
skip() { echo "skip cli $area: $1: $2"; }

# run WORDS...: standard output and error go to files, the status to rc. Nothing may take longer than the limit.
run() { limited 120 "$@"; }
limited() {
	limit=$1
	shift
	timeout "$limit" "$@" > "$work/out" 2> "$work/err" < /dev/null
	rc=$?
}

# expect NAME STATUS [PATTERN]: the last run's status, and a line in its output or error.
expect() {
	if [ "$rc" -ne "$2" ]; then
		not_ok "$1 (status $rc, not $2)"
	elif [ -n "${3:-}" ] && ! cat "$work/out" "$work/err" | grep -qE -- "$3"; then
		not_ok "$1 (no line like $3)"
	else
		ok "$1"
	fi
}

# fails NAME STATUS [PATTERN]: refused with exactly one line on standard error (with a rule when the status is 1) and nothing on standard output.
fails() {
	if [ "$rc" -ne "$2" ]; then
		not_ok "$1 (status $rc, not $2)"
	elif [ -s "$work/out" ]; then
		not_ok "$1 (wrote to standard output)"
	elif [ "$(grep -vc ': note: ' "$work/err")" -ne 1 ]; then
		not_ok "$1 (not one line on standard error)"
	elif [ "$2" -eq 1 ] && ! grep -v ': note: ' "$work/err" | grep -qE '^[a-z0-9-]+: .+: .+ \([a-z0-9]+(\.[a-z0-9-]+)+\)$'; then
		not_ok "$1 (the error is not NAME: WHAT: WHY (RULE))"
	elif [ -n "${3:-}" ] && ! grep -qE -- "$3" "$work/err"; then
		not_ok "$1 (no error like $3)"
	else
		ok "$1"
	fi
}

json_ok() { # NAME FILE EXPRESSION (python, over the object j)
	if ! python3 -c "import json,sys; j=json.load(open(sys.argv[1])); assert eval(sys.argv[2]), sys.argv[2]" "$2" "$3" 2> "$work/err"; then
		not_ok "$1"
	else
		ok "$1"
	fi
}
